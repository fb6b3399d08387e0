//! The simulated nodes that live in the hub itself.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{Run, Settings};
use crate::hub::{Client, Hub, Rates, Rights, Side};
use crate::shutdown::Shutdown;
use crate::simulator::Kit;
use crate::simulator::run::{Pace, in_hub};
use crate::topic::Base;

/// Starts the simulated nodes; returns where they stand. Those of the demo end with `demo`.
pub(super) fn simulate(
    hub: &Arc<Hub>,
    settings: &Settings,
    is_demo: bool,
    shutdown: &Shutdown,
    demo: &CancellationToken,
) -> Vec<Base> {
    let simulator = &settings.simulator;
    let runs = match simulator.run {
        Run::On => true,
        Run::Demo => is_demo,
        Run::Off => false,
    };
    if !runs {
        return Vec::new();
    }
    let until = if simulator.run == Run::Demo { demo } else { shutdown.drain() };
    let pace = Pace::starting_now(simulator.speed);
    let kits = [
        (Kit::Bridge, &simulator.base, simulator.bridges),
        (Kit::Tower, &simulator.tower_base, simulator.towers),
    ];
    let mut bases = Vec::new();
    for (kit, first, count) in kits {
        for (number, base) in first.numbered(count, &settings.limits.topic).into_iter().enumerate() {
            let client = Client {
                user: "simulator".into(),
                rights: Arc::new(Rights::everything()),
                base: base.clone(),
                side: Side::Node,
                rates: Rates::UNLIMITED,
            };
            let seed = u64::from(simulator.seed) + number as u64;
            shutdown.spawn(in_hub(Arc::clone(hub), client, kit, seed, pace, until.clone()));
            bases.push(base);
        }
    }
    if let Some(first) = bases.first() {
        tracing::info!(nodes = bases.len(), ?first, "simulated nodes are on");
    }
    bases
}
