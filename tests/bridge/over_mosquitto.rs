//! The suite of all links, over Mosquitto and by the binary itself.

use crate::broker::Broker;
use crate::link;
use crate::mqtt::Mqtt;
use crate::suite::{self, World};
use crate::support::{Client, Hub, until};

/// Mosquitto, and hubs whose links speak MQTT 5 or 3.1.1.
struct Mosquitto<const V3: bool> {
    broker: Broker,
    /// Who listens there. A broker that goes takes the connection with it.
    there: Mqtt,
    hubs: Vec<Member>,
}

struct Member {
    hub: Hub,
    node: Client,
    reader: Client,
}

async fn listener(port: u16) -> Mqtt {
    let mut there = Mqtt::connect(port, "there").await;
    there.subscribe("x/#").await;
    there
}

impl<const V3: bool> World for Mosquitto<V3> {
    async fn new() -> Self {
        let broker = Broker::mosquitto().await;
        Self { there: listener(broker.port).await, broker, hubs: Vec::new() }
    }

    async fn hub(&mut self, rules: &[(&str, &str)]) -> usize {
        // A client id of ours has a broker of 3.1.1 keep the session, as one of MQTT 5 does anyway.
        let version = if V3 { "3.1.1" } else { "5" };
        let keys = format!("version = '{version}'\nclient_id = 'hub{}'", self.hubs.len());
        let hub = Hub::with_links(&[("house", &link(self.broker.port, &keys, rules))], &[]);
        hub.logs("link is connected").await;
        let node = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
        let reader = Client::open(&hub, "/talk", r#"{"filters": ["x/#"]}"#).await;
        self.hubs.push(Member { hub, node, reader });
        self.hubs.len() - 1
    }

    async fn say(&mut self, hub: usize, topic: &str, payload: &str) {
        self.hubs[hub].node.publish(topic, payload).await;
    }

    async fn hears(&mut self, hub: usize) -> String {
        let [topic, payload] = self.hubs[hub].reader.two().await;
        format!("{} {payload}", topic.as_str().unwrap())
    }

    async fn knows(&mut self, hub: usize, topic: &str) -> String {
        let filters = format!("{{\"filters\": [\"{topic}\"]}}");
        let [topic, payload] = Client::open(&self.hubs[hub].hub, "/talk", &filters).await.two().await;
        format!("{} {payload}", topic.as_str().unwrap())
    }

    async fn far_says(&mut self, topic: &str, payload: &str, retain: bool) {
        self.there.publish(topic, payload.as_bytes(), retain).await;
    }

    async fn far_hears(&mut self) -> String {
        self.there.hears().await
    }

    async fn goes(&mut self, forgets: bool) {
        if forgets {
            self.broker.kill().await;
        } else {
            self.broker.stop().await;
        }
        for Member { hub, .. } in &self.hubs {
            hub.logs("is lost").await;
        }
    }

    async fn comes(&mut self) {
        let before: Vec<_> = self.hubs.iter().map(|member| connected(&member.hub)).collect();
        self.broker.start().await;
        self.there = listener(self.broker.port).await;
        for (Member { hub, .. }, before) in self.hubs.iter().zip(before) {
            until("the link", || connected(hub) > before).await;
        }
    }
}

fn connected(hub: &Hub) -> usize {
    hub.log().matches("link is connected").count()
}

macro_rules! suite {
    ($($name:ident)+) => {
        mod by_5 {
            $(#[tokio::test]
            async fn $name() {
                super::suite::$name::<super::Mosquitto<false>>().await;
            })+
        }
        mod by_3_1_1 {
            $(#[tokio::test]
            async fn $name() {
                super::suite::$name::<super::Mosquitto<true>>().await;
            })+
        }
    };
}

suite! {
    messages_are_carried_both_ways_in_order
    what_waits_while_the_far_side_is_away_comes_in_order_when_it_is_back
    a_far_side_that_forgot_everything_is_asked_and_told_again
    last_values_that_were_there_before_are_taken_and_told_once
    two_hubs_at_one_far_side_see_every_message_once
}
