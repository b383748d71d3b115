//! What a certificate says, as far as it is needed beside rustls.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::CertificateError;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// What a certificate says of itself. Nothing of it is verified here.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) serial: Vec<u8>,
    /// DER of the issuer's name.
    pub(crate) issuer: Vec<u8>,
    /// DER of the subject's name.
    pub(crate) subject: Vec<u8>,
    pub(crate) common_name: Option<String>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    pub(crate) dns_names: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
    /// `None` when the certificate may be used for anything.
    usages: Option<(bool, bool)>,
}

/// For what the other side uses its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Server,
    Client,
}

/// The common name of the subject, the last one when there are several, as Go has it; `None` when there is none, or
/// this is no certificate.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    Facts::of(certificate)?.common_name
}

impl Facts {
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let mut dns_names = Vec::new();
        let mut addresses = Vec::new();
        if let Ok(Some(names)) = parsed.subject_alternative_name() {
            for name in &names.value.general_names {
                match name {
                    GeneralName::DNSName(name) => dns_names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => addresses.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        let usages = parsed.extended_key_usage().ok().flatten().map(|usage| {
            let usage = usage.value;
            (usage.any || usage.server_auth, usage.any || usage.client_auth)
        });
        Some(Self {
            serial: unpadded(parsed.raw_serial()).to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            common_name: parsed
                .subject()
                .iter_common_name()
                .last()
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
            not_before: time(parsed.validity().not_before.timestamp()),
            not_after: time(parsed.validity().not_after.timestamp()),
            dns_names,
            addresses,
            usages,
        })
    }

    /// Whether `now` is within the validity and the certificate is meant for `usage`.
    pub(crate) fn check(&self, now: SystemTime, usage: Usage) -> Result<(), CertificateError> {
        if now < self.not_before {
            return Err(CertificateError::NotValidYet);
        }
        if now > self.not_after {
            return Err(CertificateError::Expired);
        }
        match (self.usages, usage) {
            (Some((false, _)), Usage::Server) | (Some((_, false)), Usage::Client) => {
                Err(CertificateError::InvalidPurpose)
            }
            _ => Ok(()),
        }
    }
}

/// Serial numbers are compared as numbers.
pub(crate) fn unpadded(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    &serial[zeros..]
}

pub(crate) fn time(unix: i64) -> SystemTime {
    match u64::try_from(unix) {
        Ok(seconds) => UNIX_EPOCH + Duration::from_secs(seconds),
        Err(_) => UNIX_EPOCH,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| IpAddr::from(sixteen).to_canonical())
}
