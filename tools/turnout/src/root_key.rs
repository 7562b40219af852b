//! The key that signs the roots of the ledger's chain: Ed25519.

use std::error::Error;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use processor::RootSigner;

/// Signs with the key of this seed.
pub(crate) fn signer(seed: &[u8; 32]) -> Result<RootSigner, Box<dyn Error + Send + Sync>> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed);
    let pair = pair.map_err(|_| "the system's cryptography refuses `root_key` of secrets.toml")?;
    let public_key = pair.public_key().as_ref().to_vec();
    Ok(RootSigner { public_key, sign: Arc::new(move |message| pair.sign(message).as_ref().to_vec()) })
}

/// True if `signature` of `message` is by the holder of the key.
pub(crate) fn verifies(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first example of RFC 8032, so that the signature is the one that everybody else checks.
    #[test]
    fn it_signs_as_the_standard_says() {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2).unwrap(), 16).unwrap())
                .collect()
        };
        let seed =
            bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").try_into().unwrap();
        let signer = signer(&seed).unwrap();
        assert_eq!(
            signer.public_key,
            bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        );
        let signature = (signer.sign)(b"");
        let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(signature, bytes(expected));
        assert!(verifies(&signer.public_key, b"", &signature));
        assert!(!verifies(&signer.public_key, b"another", &signature));
    }
}
