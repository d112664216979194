//! TLS from files that may change under us.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use zeroize::Zeroizing;

use crate::credentials::Password;
use crate::error::TlsError;

/// Lowest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V12,
    /// TLS 1.3.
    V13,
}

/// How to speak TLS. Files are read at every connection, so that rotated certificates are used without a restart.
///
/// ```
/// use mqttkube_mqtt::Tls;
///
/// let tls = Tls { cafile: Some("/etc/mqtt/ca.pem".into()), alpn: vec!["mqtt".into()], ..Tls::default() };
/// assert!(!tls.skip_hostname_verification);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust, PEM. Default: those of the system.
    pub cafile: Option<PathBuf>,
    /// Our certificate chain, PEM; together with `keyfile`.
    pub certfile: Option<PathBuf>,
    /// The key of our certificate, PEM: PKCS#8 (plain or encrypted), PKCS#1 or SEC1.
    pub keyfile: Option<PathBuf>,
    /// Opens an encrypted PKCS#8 key.
    pub key_password: Option<Password>,
    /// The name that the broker's certificate must bear. Default: the host.
    pub server_name: Option<String>,
    /// Protocols to offer, most wanted first.
    pub alpn: Vec<String>,
    /// Default: 1.2.
    pub min_version: TlsVersion,
    /// Accept a certificate of a trusted issuer for any name. Whoever has one can then read everything.
    pub skip_hostname_verification: bool,
}

/// Everything for a handshake.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn load(&self, host: &str) -> Result<Loaded, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName {
            name: name.to_owned(),
        })?;
        let provider = provider()?;
        let versions: &[_] = match self.min_version {
            TlsVersion::V12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::V13 => &[&rustls::version::TLS13],
        };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots()?), provider.clone()).build()?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(if self.skip_hostname_verification {
                Arc::new(AnyName(verifier))
            } else {
                verifier
            });
        let mut config = match (&self.certfile, &self.keyfile) {
            (Some(certfile), Some(keyfile)) => {
                builder.with_client_auth_cert(certificates(certfile)?, self.key(keyfile)?)?
            }
            (None, None) => builder.with_no_client_auth(),
            _ => return Err(TlsError::HalfIdentity),
        };
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|protocol| protocol.clone().into_bytes())
            .collect();
        Ok(Loaded {
            config: Arc::new(config),
            server_name,
        })
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        match &self.cafile {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate)?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            Err(TlsError::NoRoots)
        } else {
            Ok(roots)
        }
    }

    fn key(&self, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
        let pem = Zeroizing::new(read(path)?);
        let fault = |fault: String| TlsError::Key {
            path: path.to_owned(),
            fault,
        };
        let text = std::str::from_utf8(&pem)
            .map_err(|_| fault("is not PEM: it holds bytes that are no text".into()))?;
        if text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(fault(format!(
                "is encrypted in an old form; convert it with: openssl pkcs8 -topk8 -in {} -out new.pem",
                path.display()
            )));
        }
        match text.find(ENCRYPTED_KEY) {
            Some(start) => self.decrypt(&text[start..]).map_err(fault),
            None => PrivateKeyDer::from_pem_slice(text.as_bytes())
                .map_err(|error| fault(format!("holds no private key in PEM form: {error}"))),
        }
    }

    /// Opens a key of PKCS#8 (RFC 5958) that is encrypted under PBES2 (RFC 8018).
    fn decrypt(&self, pem: &str) -> Result<PrivateKeyDer<'static>, String> {
        let password = self
            .key_password
            .as_ref()
            .ok_or("is encrypted, and no password is given")?;
        let (_, document) = SecretDocument::from_pem(pem.trim_end())
            .map_err(|error| format!("holds an encrypted key that cannot be read: {error}"))?;
        let encrypted = EncryptedPrivateKeyInfo::try_from(document.as_bytes())
            .map_err(|error| format!("holds an encrypted key that cannot be read: {error}"))?;
        let key = encrypted
            .decrypt(password.reveal())
            .map_err(|_| "cannot be decrypted: the password is wrong, or the cipher is not known")?;
        Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
    }
}

const ENCRYPTED_KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Always named explicitly: with two providers in one program rustls cannot choose and would panic.
fn provider() -> Result<Arc<CryptoProvider>, TlsError> {
    #[cfg(feature = "ring")]
    {
        Ok(Arc::new(rustls::crypto::ring::default_provider()))
    }
    #[cfg(not(feature = "ring"))]
    {
        CryptoProvider::get_default().cloned().ok_or(TlsError::NoProvider)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate {
            path: path.to_owned(),
        })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

/// Checks everything but the name.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self
            .0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        {
            // The chain is checked before the name, so this error says that all else is well.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
