//! [`Vault`]: what AWS keeps with KMS. A value is in no file in clear, and in no debug output at all.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, KeyInit, Payload},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    ids::{hex, unhex},
    refusal::{Answer, Refusal},
    store,
};

/// The key under which the values of secrets are kept. It is made when it is needed first.
#[derive(Default)]
pub(crate) struct Vault {
    key: Option<Key>,
    file: Option<PathBuf>,
}

/// A value that only the vault can read.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sealed {
    nonce: String,
    text: String,
}

/// What tells whether two secrets are the same, and nothing else about them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Fingerprint {
    salt: String,
    digest: String,
}

impl Vault {
    /// The vault whose key is kept in `file`.
    ///
    /// # Errors
    /// What is wrong with the file, where there is one that holds no key.
    pub(crate) fn open(file: PathBuf) -> Result<Self, String> {
        let key = match fs::read_to_string(&file) {
            Ok(digits) => {
                let bytes = unhex(digits.trim()).filter(|bytes| bytes.len() == 32);
                let bytes = bytes.ok_or_else(|| "it does not hold 64 hexadecimal digits".to_owned())?;
                Key::try_from(bytes.as_slice()).ok()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.to_string()),
        };
        Ok(Self { key, file: Some(file) })
    }

    /// Whether there is a key.
    pub(crate) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Encrypts `value` for `place`: it can be decrypted for the same place only.
    pub(crate) fn seal(&mut self, place: &str, value: &SecretString) -> Answer<Sealed> {
        let cipher = XChaCha20Poly1305::new(&self.key()?);
        let nonce = XNonce::try_generate().map_err(|error| unavailable(&error))?;
        let payload = Payload { msg: value.expose_secret().as_bytes(), aad: place.as_bytes() };
        let text = cipher.encrypt(&nonce, payload).map_err(|error| unavailable(&error))?;
        Ok(Sealed { nonce: hex(&nonce), text: hex(&text) })
    }

    /// Decrypts what was sealed for `place`.
    pub(crate) fn unseal(&self, place: &str, sealed: &Sealed) -> Answer<SecretString> {
        let open = || {
            let nonce = XNonce::try_from(unhex(&sealed.nonce)?.as_slice()).ok()?;
            let text = unhex(&sealed.text)?;
            let payload = Payload { msg: &text, aad: place.as_bytes() };
            let bytes = XChaCha20Poly1305::new(self.key.as_ref()?).decrypt(&nonce, payload).ok()?;
            String::from_utf8(bytes).ok()
        };
        open().map(SecretString::from).ok_or_else(|| Refusal {
            code: "DecryptionFailure",
            message: "Secrets Manager can't decrypt the protected secret text using the provided KMS key.".to_owned(),
        })
    }

    /// The fingerprint of `value`. It depends on the key, so that the account file alone does not even let one guess.
    pub(crate) fn fingerprint(&mut self, value: &SecretString) -> Answer<Fingerprint> {
        let salt = <[u8; 16]>::try_generate().map_err(|error| unavailable(&error))?;
        let digest = digest(&self.key()?, &salt, value);
        Ok(Fingerprint { salt: hex(&salt), digest })
    }

    /// Whether `fingerprint` is that of `value`.
    pub(crate) fn matches(&self, fingerprint: &Fingerprint, value: &SecretString) -> bool {
        let (Some(key), Some(salt)) = (&self.key, unhex(&fingerprint.salt)) else { return false };
        digest(key, &salt, value) == fingerprint.digest
    }

    fn key(&mut self) -> Answer<Key> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let key = Key::try_generate().map_err(|error| unavailable(&error))?;
        if let Some(file) = &self.file {
            write_key(file, &key).map_err(|error| unavailable(&error))?;
        }
        self.key = Some(key);
        Ok(key)
    }
}

/// Writes the key where there is none yet.
fn write_key(file: &Path, key: &Key) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    store::put(file, hex(key).as_bytes())
}

fn digest(key: &Key, salt: &[u8], value: &SecretString) -> String {
    let digest = Sha256::new().chain_update(key).chain_update(salt).chain_update(value.expose_secret());
    hex(&digest.finalize())
}

/// A password of `length` characters, of which one at least is of each kind that is asked for.
pub(crate) fn random_password(length: usize, with_punctuation: bool) -> Answer<SecretString> {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGITS: &str = "0123456789";
    const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    let kinds: &[&str] = if with_punctuation { &[LOWER, UPPER, DIGITS, PUNCTUATION] } else { &[LOWER, UPPER, DIGITS] };
    if length < kinds.len() {
        return Err(Refusal {
            code: "InvalidParameterException",
            message: "Password length is too short based on the required types.".to_owned(),
        });
    }
    let alphabet = kinds.concat();
    // Drawing again until every kind is there keeps all such passwords equally likely.
    loop {
        let password = draw(length, alphabet.as_bytes())?;
        if kinds.iter().all(|kind| password.contains(|character| kind.contains(character))) {
            return Ok(password.into());
        }
    }
}

fn draw(length: usize, alphabet: &[u8]) -> Answer<String> {
    // A byte beyond the last whole multiple of the alphabet's length would make its first characters likelier.
    let fair = 256 - 256 % alphabet.len();
    let mut password = String::with_capacity(length);
    while password.len() < length {
        let [byte] = <[u8; 1]>::try_generate().map_err(|error| unavailable(&error))?;
        if usize::from(byte) < fair {
            password.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
        }
    }
    Ok(password)
}

fn unavailable(error: &dyn fmt::Display) -> Refusal {
    Refusal { code: "InternalServiceError", message: format!("the emulator cannot keep the secret: {error}") }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_in_its_place_only() {
        let mut vault = Vault::default();
        let sealed = vault.seal("a", &"hunter2".into()).unwrap();
        assert!(!format!("{sealed:?}{vault:?}").contains("hunter2"));
        assert_eq!(vault.unseal("a", &sealed).unwrap().expose_secret(), "hunter2");
        assert_eq!(vault.unseal("b", &sealed).unwrap_err().code, "DecryptionFailure");
    }

    #[test]
    fn a_fingerprint_knows_its_value() {
        let mut vault = Vault::default();
        let fingerprint = vault.fingerprint(&"hunter2".into()).unwrap();
        assert!(vault.matches(&fingerprint, &"hunter2".into()));
        assert!(!vault.matches(&fingerprint, &"hunter3".into()));
    }

    #[test]
    fn a_password_has_every_kind_of_character() {
        let password = random_password(4, true).unwrap();
        assert!(password.expose_secret().contains(|c: char| c.is_ascii_punctuation()));
        let password = random_password(64, false).unwrap();
        assert!(password.expose_secret().len() == 64 && password.expose_secret().chars().all(char::is_alphanumeric));
        assert_eq!(random_password(2, false).unwrap_err().code, "InvalidParameterException");
    }
}
