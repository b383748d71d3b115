//! Verifiers: a chain that ends in a trusted certificate, then the rules.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::error::LoadError;
use crate::facts::{Facts, Usage};
use crate::roots::Roots;
use crate::rules::Rules;

/// A certificate that is in the trusted file itself, whatever it says about being an authority: people make one
/// self-signed certificate and trust it, which Go accepts and webpki does not.
#[derive(Debug)]
struct Exact(HashSet<Vec<u8>>);

impl Exact {
    /// `None` when the certificate is not one of them.
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        now: UnixTime,
        usage: Usage,
    ) -> Option<Result<(), CertificateError>> {
        if !self.0.contains(leaf.as_ref()) {
            return None;
        }
        let now = UNIX_EPOCH + Duration::from_secs(now.as_secs());
        Some(Facts::of(leaf).ok_or(CertificateError::BadEncoding).and_then(|facts| facts.check(now, usage)))
    }
}

fn chain<'a>(leaf: &'a CertificateDer<'a>, more: &'a [CertificateDer<'a>]) -> Vec<&'a CertificateDer<'a>> {
    std::iter::once(leaf).chain(more).collect()
}

/// Verifies those who connect to us.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    /// None when no trusted certificate is valid any more: nobody is let in.
    inner: Option<Arc<dyn ClientCertVerifier>>,
    exact: Exact,
    rules: Rules,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    pub(crate) fn new(
        roots: &Roots,
        rules: Rules,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, LoadError> {
        let build = || {
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots.store), Arc::clone(provider))
                .build()
        };
        let inner = if roots.store.is_empty() {
            None
        } else {
            Some(build().map_err(|error| LoadError::Rustls(Error::General(error.to_string())))?)
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { inner, exact: Exact(roots.exact.clone()), rules, algorithms })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.as_ref().map_or(&[], |inner| inner.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match (self.exact.check(end_entity, now, Usage::Client), &self.inner) {
            (Some(outcome), _) => outcome?,
            (None, Some(inner)) => {
                inner.verify_client_cert(end_entity, intermediates, now)?;
            }
            (None, None) => return Err(CertificateError::UnknownIssuer.into()),
        }
        self.rules.check(&chain(end_entity, intermediates))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifies those whom we connect to.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    exact: Exact,
    rules: Rules,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    pub(crate) fn new(
        roots: &Roots,
        rules: Rules,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, LoadError> {
        let build = || {
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots.store), Arc::clone(provider))
                .build()
        };
        let inner = if roots.store.is_empty() {
            None
        } else {
            Some(build().map_err(|error| LoadError::Rustls(Error::General(error.to_string())))?)
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { inner, exact: Exact(roots.exact.clone()), rules, algorithms })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match (self.exact.check(end_entity, now, Usage::Server), &self.inner) {
            (Some(outcome), _) => {
                outcome?;
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            (None, Some(inner)) => {
                inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
            }
            (None, None) => return Err(CertificateError::UnknownIssuer.into()),
        }
        self.rules.check(&chain(end_entity, intermediates))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Accepts everyone. Whoever is not identified need not prove the possession of a key either, and Go's automatic
/// certificates have keys on P-521, whose signatures ring does not verify.
#[derive(Debug)]
pub(crate) struct NoVerifier {
    schemes: Vec<SignatureScheme>,
}

impl NoVerifier {
    pub(crate) fn new(provider: &CryptoProvider) -> Self {
        let mut schemes = provider.signature_verification_algorithms.supported_schemes();
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        Self { schemes }
    }
}

impl ServerCertVerifier for NoVerifier {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
