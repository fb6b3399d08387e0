//! The hub's figures for Prometheus, in the OpenMetrics text format. The only file that knows `prometheus_client`.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
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
            let (name, help) = (topic.replace('/', "_"), help.trim());
            match grows {
                Grows::Only => {
                    let counter = ConstCounter::new(value);
                    let encoder = encoder.encode_descriptor(&name, help, None, counter.metric_type())?;
                    counter.encode(encoder)?;
                }
                Grows::AndShrinks => {
                    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                    let encoder = encoder.encode_descriptor(&name, help, None, gauge.metric_type())?;
                    gauge.encode(encoder)?;
                }
            }
        }
        Ok(())
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
