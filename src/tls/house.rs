//! The authority of a house, and the certificates that it signs: made once, kept in files, trusted by the devices of the
//! house. Pure but for random numbers; time is an argument, in seconds since 1970.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::certificate::Certificate;

/// How long an authority is good for.
const AUTHORITY: Duration = Duration::days(3650);
/// How long a certificate is good for: phones refuse those of more than 398 days, and Mozilla advises less than 366.
const LEAF: Duration = Duration::days(365);
/// Clocks are not all right.
const EARLIER: Duration = Duration::days(1);

/// A certificate and its private key, in PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// Why no certificate was made; a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotMade(String);

impl From<rcgen::Error> for NotMade {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

/// A new authority.
pub fn authority(name: &str, now: i64) -> Result<Pair, NotMade> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = of_authority(name);
    (params.not_before, params.not_after) = times(now, AUTHORITY)?;
    let certificate = params.self_signed(&key)?;
    Ok(Pair {
        certificate: pem("CERTIFICATE", certificate.der()),
        key: pem("PRIVATE KEY", key.serialized_der()),
    })
}

/// A new certificate, with a new key, for these names of hosts and addresses. The first one is what it is called.
pub fn leaf(authority: &Pair, names: &[String], now: i64) -> Result<Pair, NotMade> {
    let root = CertificateDer::from_pem_slice(authority.certificate.as_bytes())
        .ok()
        .and_then(|der| Certificate::read(&der));
    let key = PrivatePkcs8KeyDer::from_pem_slice(authority.key.as_bytes()).ok();
    let (Some(root), Some(key)) = (root, key) else {
        return Err(NotMade("the authority cannot be read: it is no certificate and key in PEM".to_owned()));
    };
    if !root.is_valid(now) {
        return Err(NotMade("the authority has expired, or the clock of this machine is wrong".to_owned()));
    }
    let signer = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)?;
    let issuer = Issuer::new(of_authority(root.common_name.as_deref().unwrap_or_default()), signer);
    let mut params = CertificateParams::new(names)?;
    (params.not_before, params.not_after) = times(now, LEAF)?;
    params.not_after = params.not_after.min(moment(root.until)?);
    params.distinguished_name = named(names.first().map_or("clown-hub", String::as_str));
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Pair {
        certificate: pem("CERTIFICATE", certificate.der()),
        key: pem("PRIVATE KEY", key.serialized_der()),
    })
}

/// What stands in every authority, but for the times.
fn of_authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn times(now: i64, lasts: Duration) -> Result<(OffsetDateTime, OffsetDateTime), NotMade> {
    let now = moment(now)?;
    Ok((now - EARLIER, now + lasts - EARLIER))
}

fn moment(seconds: i64) -> Result<OffsetDateTime, NotMade> {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|_| NotMade("the clock of this machine is wrong".to_owned()))
}

/// A block of PEM (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    const LINE: usize = 64;
    let text = STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while let Some((line, next)) =
        rest.split_at_checked(LINE.min(rest.len())).filter(|(line, _)| !line.is_empty())
    {
        lines.push_str(line);
        lines.push('\n');
        rest = next;
    }
    lines + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn read(pem: &str) -> Certificate {
        Certificate::read(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn an_authority_signs_for_names_and_addresses_and_its_certificates_do_not_outlive_it() {
        let root = authority("House of Jana", NOW).unwrap();
        let names = ["hub.local".to_owned(), "192.168.1.20".to_owned(), "::1".to_owned()];
        let made = leaf(&root, &names, NOW).unwrap();
        let certificate = read(&made.certificate);
        let told: Vec<_> = certificate.all_names().collect();
        assert_eq!(told, ["hub.local", "192.168.1.20", "::1", "hub.local"]);
        assert!(certificate.is_valid(NOW) && certificate.days_left(NOW) <= 365);
        assert!(read(&root.certificate).is_authority && !certificate.is_authority);
        let late = NOW + 3_600 * 86_400 / 1000 * 1000;
        assert_eq!(
            read(&leaf(&root, &names, late).unwrap().certificate).until,
            read(&root.certificate).until
        );
        assert!(leaf(&root, &names, NOW + 3_700 * 86_400).is_err(), "the authority is over");
        assert!(leaf(&made, &names, NOW + 500 * 86_400).is_err());
    }

    #[test]
    fn a_client_that_trusts_the_authority_trusts_what_it_has_signed() {
        use std::sync::Arc;

        use tokio_rustls::rustls::RootCertStore;
        use tokio_rustls::rustls::client::WebPkiServerVerifier;
        use tokio_rustls::rustls::client::danger::ServerCertVerifier;
        use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};

        let root = authority("House", NOW).unwrap();
        let leaf = leaf(&root, &["hub.local".to_owned()], NOW).unwrap();
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(der(&root.certificate)).unwrap();
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            super::super::cryptography::provider(),
        )
        .build()
        .unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW.unsigned_abs()));
        let trusts = |name: &str| {
            let name = ServerName::try_from(name.to_owned()).unwrap();
            verifier.verify_server_cert(&der(&leaf.certificate), &[], &name, &[], now).is_ok()
        };
        assert!(trusts("hub.local") && !trusts("other.local"));
    }
}
