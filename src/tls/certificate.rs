//! What stands in a certificate (RFC 5280), as far as the hub has to know it. Whether it is sound is not asked here: rustls
//! asks that of every certificate that is relied on.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use yasna::models::{ObjectIdentifier, TaggedDerValue};
use yasna::tags::TAG_UTCTIME;
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, BERReaderSeq, Tag};

/// Names that are looked at in one certificate.
const MOST_NAMES: usize = 100;

/// The object identifiers of what is looked for.
const COMMON_NAME: [u64; 4] = [2, 5, 4, 3];
const ALTERNATIVE_NAMES: [u64; 4] = [2, 5, 29, 17];
const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];

/// A certificate that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What its subject is called.
    pub common_name: Option<String>,
    /// The other names of its subject, in their order.
    pub names: Vec<Name>,
    /// From when on it is valid, in seconds since 1970.
    pub from: i64,
    /// The last second of it.
    pub until: i64,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// Whether it names itself as its issuer.
    pub is_its_own_issuer: bool,
    /// SHA-256 of all of it.
    pub fingerprint: [u8; 32],
}

/// One name of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Of a host.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A URI.
    Uri(String),
    /// Of a mailbox.
    Mail(String),
}

impl Certificate {
    /// Reads one from its bytes; `None` where it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut read = yasna::parse_der(der, |reader| {
            reader.read_sequence(|reader| {
                let read = reader.next().read_sequence(body)?;
                // The algorithm and the signature.
                reader.next().read_der()?;
                reader.next().read_der()?;
                Ok(read)
            })
        })
        .ok()?;
        read.fingerprint = Sha256::digest(der).into();
        Some(read)
    }

    /// Days until it ends at this time, counted up; 0 or less where it has ended.
    pub fn days_left(&self, now: i64) -> i64 {
        const DAY: i64 = 86_400;
        (self.until - now).saturating_add(DAY - 1).div_euclid(DAY)
    }

    /// Whether it is valid at this time.
    pub fn is_valid(&self, now: i64) -> bool {
        self.from <= now && now <= self.until
    }

    /// Its fingerprint as people compare it.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.map(|byte| format!("{byte:02X}")).join(":")
    }

    /// All names as text, the common name last.
    pub fn all_names(&self) -> impl Iterator<Item = String> {
        let names = self.names.iter().map(|name| match name {
            Name::Dns(text) | Name::Uri(text) | Name::Mail(text) => text.clone(),
            Name::Ip(address) => address.to_string(),
        });
        names.chain(self.common_name.clone())
    }

    /// What a URL calls the host that it is for: its first name or address.
    pub fn host(&self) -> Option<String> {
        self.names.iter().find_map(|name| match name {
            Name::Dns(name) if !name.contains('*') => Some(name.clone()),
            Name::Ip(IpAddr::V4(address)) => Some(address.to_string()),
            Name::Ip(IpAddr::V6(address)) => Some(format!("[{address}]")),
            Name::Dns(_) | Name::Uri(_) | Name::Mail(_) => None,
        })
    }

    /// What an account may be called so that this certificate is its sign-in: the names for hosts, URIs (what follows the
    /// last slash or colon) and mailboxes; apart from them the common name, which counts only if none of the others does.
    pub fn for_accounts(&self) -> (Vec<&str>, Option<&str>) {
        (self.names.iter().filter_map(for_account).collect(), self.common_name.as_deref())
    }
}

/// What an account may be called so that this name is its.
fn for_account(name: &Name) -> Option<&str> {
    match name {
        Name::Dns(text) | Name::Mail(text) => Some(text),
        Name::Uri(text) => text.rsplit(['/', ':']).next(),
        Name::Ip(_) => None,
    }
}

fn invalid() -> ASN1Error {
    ASN1Error::new(ASN1ErrorKind::Invalid)
}

/// What is signed: `TBSCertificate`.
fn body(reader: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Certificate> {
    // The version, the number and the algorithm.
    reader.read_optional(|reader| reader.read_tagged(Tag::context(0), whole))?;
    reader.next().read_der()?;
    reader.next().read_der()?;
    let issuer = reader.next().read_der()?;
    let (from, until) =
        reader.next().read_sequence(|reader| Ok((moment(reader.next())?, moment(reader.next())?)))?;
    let subject = reader.next().read_der()?;
    reader.next().read_der()?;
    let mut certificate = Certificate {
        common_name: common_name(&subject)?,
        names: Vec::new(),
        from,
        until,
        is_authority: false,
        is_its_own_issuer: issuer == subject,
        fingerprint: [0; 32],
    };
    while let Some(part) = reader.read_optional(value)? {
        if part.tag() == Tag::context(3) {
            extensions(part.value(), &mut certificate)?;
        }
    }
    Ok(certificate)
}

// Methods of a reader have its lifetimes bound too early to be given as functions.
fn whole(reader: BERReader<'_, '_>) -> ASN1Result<Vec<u8>> {
    reader.read_der()
}

fn value(reader: BERReader<'_, '_>) -> ASN1Result<TaggedDerValue> {
    reader.read_tagged_der()
}

fn truth(reader: BERReader<'_, '_>) -> ASN1Result<bool> {
    reader.read_bool()
}

fn moment(reader: BERReader<'_, '_>) -> ASN1Result<i64> {
    Ok(if reader.lookahead_tag()? == TAG_UTCTIME {
        reader.read_utctime()?.datetime().unix_timestamp()
    } else {
        reader.read_generalized_time()?.datetime().unix_timestamp()
    })
}

/// The last common name of a `Name`, which is the most particular one.
fn common_name(name: &[u8]) -> ASN1Result<Option<String>> {
    let pair = |reader: BERReader<'_, '_>| -> ASN1Result<(ObjectIdentifier, TaggedDerValue)> {
        reader.read_sequence(|reader| Ok((reader.next().read_oid()?, reader.next().read_tagged_der()?)))
    };
    let parts =
        yasna::parse_der(name, |reader| reader.collect_sequence_of(|reader| reader.collect_set_of(pair)))?;
    let found = parts.iter().flatten().rfind(|(kind, _)| kind.components()[..] == COMMON_NAME);
    Ok(found.map(|(_, value)| String::from_utf8_lossy(value.value()).into_owned()))
}

fn extensions(der: &[u8], certificate: &mut Certificate) -> ASN1Result<()> {
    yasna::parse_der(der, |reader| {
        reader.read_sequence_of(|reader| {
            let (kind, content) = reader.read_sequence(|reader| {
                let kind = reader.next().read_oid()?;
                reader.read_optional(truth)?;
                Ok((kind, reader.next().read_bytes()?))
            })?;
            if kind.components()[..] == ALTERNATIVE_NAMES {
                certificate.names = names(&content)?;
            } else if kind.components()[..] == BASIC_CONSTRAINTS {
                certificate.is_authority = is_authority(&content)?;
            }
            Ok(())
        })
    })
}

fn names(der: &[u8]) -> ASN1Result<Vec<Name>> {
    let all = yasna::parse_der(der, |reader| reader.collect_sequence_of(value))?;
    all.iter().take(MOST_NAMES).filter_map(|name| name_of(name).transpose()).collect()
}

/// A `GeneralName`; `None` where it is of another kind.
fn name_of(name: &TaggedDerValue) -> ASN1Result<Option<Name>> {
    let text = || std::str::from_utf8(name.value()).map(str::to_owned).map_err(|_| invalid());
    Ok(match name.tag() {
        tag if tag == Tag::context(1) => Some(Name::Mail(text()?)),
        tag if tag == Tag::context(2) => Some(Name::Dns(text()?)),
        tag if tag == Tag::context(6) => Some(Name::Uri(text()?)),
        tag if tag == Tag::context(7) => Some(Name::Ip(address(name.value()).ok_or_else(invalid)?)),
        _ => None,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn is_authority(der: &[u8]) -> ASN1Result<bool> {
    yasna::parse_der(der, |reader| {
        reader.read_sequence(|reader| {
            let is_authority = reader.read_optional(truth)?.unwrap_or(false);
            reader.read_optional(whole)?;
            Ok(is_authority)
        })
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, IsCa, KeyPair, SanType};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2060, 1, 2);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_times_and_the_right_to_sign_are_read() {
        let der = made(|params| {
            params.distinguished_name.push(DnType::CommonName, "Jana");
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
            params.subject_alt_names = vec![
                SanType::DnsName("hub.local".try_into().unwrap()),
                SanType::IpAddress("192.168.1.20".parse().unwrap()),
                SanType::IpAddress("2001:db8::5".parse().unwrap()),
                SanType::URI("urn:house:attic".try_into().unwrap()),
                SanType::Rfc822Name("jana@house.example".try_into().unwrap()),
            ];
        });
        let read = Certificate::read(&der).unwrap();
        assert!(read.is_authority && read.is_its_own_issuer);
        // One is written as UTCTime, the other, which is after 2049, as GeneralizedTime.
        assert_eq!((read.from, read.until), (1_767_312_000, 2_840_227_200));
        let names: Vec<_> = read.all_names().collect();
        let expected =
            ["hub.local", "192.168.1.20", "2001:db8::5", "urn:house:attic", "jana@house.example", "Jana"];
        assert_eq!(names, expected);
        let expected = vec!["hub.local", "attic", "jana@house.example"];
        assert_eq!(read.for_accounts(), (expected, Some("Jana")));
        assert_eq!(read.fingerprint().len(), 32 * 3 - 1);
    }

    #[test]
    fn a_certificate_of_few_words_is_read_too() {
        let read = Certificate::read(&made(|_| {})).unwrap();
        assert_eq!((read.is_authority, read.names), (false, vec![]));
    }

    #[test]
    fn days_are_counted_up_and_the_last_second_counts() {
        let read = Certificate::read(&made(|_| {})).unwrap();
        let left = |seconds| read.days_left(read.until - seconds);
        assert_eq!([left(1), left(86_400), left(86_401), left(0), left(-86_400)], [1, 1, 2, 0, -1]);
        assert!(read.is_valid(read.until) && !read.is_valid(read.until + 1) && !read.is_valid(read.from - 1));
    }

    #[test]
    fn what_is_no_certificate_or_is_cut_or_changed_is_read_without_harm() {
        let der = made(|params| params.subject_alt_names = vec![SanType::DnsName("a.b".try_into().unwrap())]);
        for end in 0..der.len() {
            assert_eq!(Certificate::read(&der[..end]), None, "{end}");
        }
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0x55;
            let _ = Certificate::read(&changed);
        }
    }
}
