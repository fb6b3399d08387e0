//! A command and its answer: operator, device, operator. The next command follows the answer to the last one.

use super::{Outcome, Stage, complain, latency};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::message::{Book, Stamp};

const OPERATOR: usize = 0;
const DEVICE: usize = 1;

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    stage.fleet.join("bench", Side::Dashboard, &["relay/+/set/ok"])?;
    stage.fleet.join("bench", Side::Node, &["relay/+/set"])?;
    let mut command = stage.message("bench", "relay/", "/set");
    let mut answer = stage.message("bench", "relay/", "/set/ok");
    let mut commands = Book::new(command.clone(), DEVICE + 1, 1);
    let mut answers = Book::new(answer.clone(), OPERATOR + 1, 1);
    let mut number = 0;
    let spent = stage.repeat(&mut answers, |fleet, answers| {
        let stamp = Stamp { source: 0, number, sent: clock::now() };
        number += 1;
        say(fleet, OPERATOR, command.with(stamp), &mut commands);
        let before = answers.received;
        while answers.received == before {
            let mut asked = None;
            let came = fleet.turn(&mut |client, text, now| {
                asked = commands.take(client, text, now).or(asked);
                answers.take(client, text, now);
            })?;
            if !came {
                complain(fleet, 1)?;
            }
            if let Some(stamp) = asked {
                say(fleet, DEVICE, answer.with(stamp), answers);
            }
        }
        Ok(())
    })?;
    let mut figures = vec![
        ("cpu_us_per_round_trip", spent.cpu / spent.cycles as f64),
        ("round_trips_per_second", spent.cycles as f64 / spent.seconds),
    ];
    figures.extend(latency(&answers).into_iter().chain(stage.memory()?));
    Ok(Outcome { figures, checks: commands.checks().and(answers.checks()) })
}

fn say(fleet: &mut Fleet, client: usize, text: &[u8], book: &mut Book) {
    book.expected += 1;
    fleet.put(client, text);
    fleet.flush(client);
}
