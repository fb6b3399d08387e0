//! The properties of MQTT 5 (2.2.2), read once for every kind of packet.

use super::text::Rest;
use super::{Fault, code};

/// Which properties a packet may have, by their numbers.
pub(super) mod of {
    pub(crate) const CONNECT: &[u8] = &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27];
    pub(crate) const WILL: &[u8] = &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26];
    pub(crate) const PUBLISH: &[u8] = &[0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26];
    pub(crate) const ACK: &[u8] = &[0x1f, 0x26];
    pub(crate) const SUBSCRIBE: &[u8] = &[0x0b, 0x26];
    pub(crate) const UNSUBSCRIBE: &[u8] = &[0x26];
    pub(crate) const DISCONNECT: &[u8] = &[0x11, 0x1f, 0x26];
    pub(crate) const AUTH: &[u8] = &[0x15, 0x16, 0x1f, 0x26];
}

/// All properties that a client may send. What is not there is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties<'p> {
    /// Whether the payload says that it is text.
    pub is_text: Option<bool>,
    /// For how many seconds the message is worth delivering.
    pub message_expiry: Option<u32>,
    /// What the payload is.
    pub content_type: Option<&'p str>,
    /// Where an answer is to go.
    pub response_topic: Option<&'p str>,
    /// What an answer is to be known by.
    pub correlation: Option<&'p [u8]>,
    /// What messages of this subscription are to be marked with.
    pub subscription_id: Option<u32>,
    /// For how many seconds a session outlives its connection.
    pub session_expiry: Option<u32>,
    /// A way to sign in that is not the usual one.
    pub authentication_method: Option<&'p str>,
    /// Whether reason strings and user properties are wanted.
    pub wants_reasons: Option<bool>,
    /// How many seconds after the end of the connection the will is published.
    pub will_delay: Option<u32>,
    /// Whether the client wants to be told where to have its answers sent.
    pub wants_response_information: Option<bool>,
    /// Why.
    pub reason: Option<&'p str>,
    /// How many messages may be on their way to the client.
    pub receive_maximum: Option<u16>,
    /// How many topic aliases the client keeps.
    pub alias_maximum: Option<u16>,
    /// A short name of the topic.
    pub alias: Option<u16>,
    /// The largest packet that the client takes.
    pub packet_maximum: Option<u32>,
    /// What is passed on.
    pub user: Vec<(&'p str, &'p str)>,
    pub(super) has_authentication_data: bool,
}

/// So many user properties one packet may have.
const MOST_USER: usize = 64;

const TWICE: Fault = Fault::protocol("a property stands twice");

/// Takes the place of nothing: a property may stand once.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Fault> {
    if place.replace(value).is_some() { Err(TWICE) } else { Ok(()) }
}

fn truth(byte: u8) -> Result<bool, Fault> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fault::protocol("a property that is neither 0 nor 1")),
    }
}

fn not_zero<T: Default + PartialEq>(value: T) -> Result<T, Fault> {
    if value == T::default() {
        Err(Fault::protocol("a property that is 0 and must not be"))
    } else {
        Ok(value)
    }
}

impl<'p> Properties<'p> {
    /// Reads the properties of a packet that may have these.
    pub(super) fn read(rest: &mut Rest<'p>, allowed: &[u8]) -> Result<Self, Fault> {
        let len = rest.variable()?;
        let mut inside = Rest(rest.bytes(len as usize)?);
        let mut read = Self::default();
        while !inside.is_empty() {
            let id = inside.variable()?;
            let known = u8::try_from(id).ok().filter(|id| allowed.contains(id));
            let id = known.ok_or(Fault::malformed("a property that does not belong into this packet"))?;
            read.take(id, &mut inside)?;
        }
        if read.has_authentication_data && read.authentication_method.is_none() {
            return Err(Fault::protocol("authentication data without a method"));
        }
        Ok(read)
    }

    fn take(&mut self, id: u8, rest: &mut Rest<'p>) -> Result<(), Fault> {
        match id {
            0x01 => once(&mut self.is_text, truth(rest.byte()?)?),
            0x02 => once(&mut self.message_expiry, rest.four()?),
            0x03 => once(&mut self.content_type, rest.text()?),
            0x08 => once(&mut self.response_topic, response_topic(rest.text()?)?),
            0x09 => once(&mut self.correlation, rest.binary()?),
            0x0b => once(&mut self.subscription_id, not_zero(rest.variable()?)?),
            0x11 => once(&mut self.session_expiry, rest.four()?),
            0x15 => once(&mut self.authentication_method, rest.text()?),
            0x16 => {
                rest.binary()?;
                if std::mem::replace(&mut self.has_authentication_data, true) { Err(TWICE) } else { Ok(()) }
            }
            0x17 => once(&mut self.wants_reasons, truth(rest.byte()?)?),
            0x18 => once(&mut self.will_delay, rest.four()?),
            0x19 => once(&mut self.wants_response_information, truth(rest.byte()?)?),
            0x1f => once(&mut self.reason, rest.text()?),
            0x21 => once(&mut self.receive_maximum, not_zero(rest.two()?)?),
            0x22 => once(&mut self.alias_maximum, rest.two()?),
            0x23 => match rest.two()? {
                0 => Err(Fault { code: code::BAD_ALIAS, why: "the topic alias is 0" }),
                alias => once(&mut self.alias, alias),
            },
            0x26 => {
                self.user.push((rest.text()?, rest.text()?));
                if self.user.len() > MOST_USER {
                    return Err(Fault { code: code::QUOTA, why: "more than 64 user properties" });
                }
                Ok(())
            }
            0x27 => once(&mut self.packet_maximum, not_zero(rest.four()?)?),
            _ => Err(Fault::malformed("a property that is unknown")),
        }
    }
}

fn response_topic(topic: &str) -> Result<&str, Fault> {
    if topic.contains(['+', '#']) {
        Err(Fault::protocol("a response topic with a wildcard"))
    } else {
        Ok(topic)
    }
}
