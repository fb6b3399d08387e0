//! The hub's figures for Prometheus, in the OpenMetrics text format. The only file that knows `prometheus_client`.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::hub::{Grows, Hub};

/// The content type that goes with [`text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug)]
struct FiguresOf(Arc<Hub>);

impl Collector for FiguresOf {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (topic, help, grows, value) in self.0.figures().all() {
            let name = topic.replace('/', "_");
            let family = encoder.encode_descriptor(&name, help.trim(), None, kind(grows))?;
            encode(grows, value, family)?;
        }
        let links = self.0.links().all();
        let figures = links.first().map(|(_, figures)| figures.all()).into_iter().flatten();
        for (at, (topic, help, grows, _)) in figures.enumerate() {
            let name = format!("bridge_{}", topic.replace('/', "_"));
            let mut family = encoder.encode_descriptor(&name, help.trim(), None, kind(grows))?;
            for (link, figures) in &links {
                let value = figures.all().nth(at).map_or(0, |(.., value)| value);
                encode(grows, value, family.encode_family(&[("link", &**link)])?)?;
            }
        }
        Ok(())
    }
}

fn kind(grows: Grows) -> MetricType {
    match grows {
        Grows::Only => MetricType::Counter,
        Grows::AndShrinks => MetricType::Gauge,
    }
}

fn encode(grows: Grows, value: u64, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
    match grows {
        Grows::Only => ConstCounter::new(value).encode(encoder),
        Grows::AndShrinks => ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder),
    }
}

/// All figures as they stand.
pub(crate) fn text(hub: &Arc<Hub>) -> String {
    let mut registry = Registry::with_prefix("clown_hub");
    registry.register_collector(Box::new(FiguresOf(Arc::clone(hub))));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => text,
        Err(std::fmt::Error) => String::new(),
    }
}
