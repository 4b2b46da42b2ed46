"""The bugs that tests/mutation/run.py plants in crypto/, one at a time.

A mutation is a name, what it stands for, and edits: (file, regular expression,
replacement, how often it must match). An edit that matches another number of times is
an error: the code has moved on and the list must follow. `survives` says why no test can
see a bug; whoever removes the reason learns whether it is still true.
"""
from typing import NamedTuple, Optional


class Edit(NamedTuple):
    file: str
    pattern: str
    replacement: str
    matches: int = 1


class Mutation(NamedTuple):
    name: str
    edits: list
    survives: Optional[str] = None


def one(name, file, pattern, replacement, matches=1, survives=None):
    return Mutation(name, [Edit(file, pattern, replacement, matches)], survives)


LAX_VERIFIER = r"""[&] {
        EVP_PKEY* lax_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), 32);
        EVP_MD_CTX* lax = EVP_MD_CTX_new();
        const bool good =
            EVP_DigestVerifyInit(lax, nullptr, nullptr, nullptr, lax_key) == 1 &&
            EVP_DigestVerify(lax, signature.data(), 64, message.data(), message.size()) == 1;
        EVP_MD_CTX_free(lax);
        EVP_PKEY_free(lax_key);
        return good ? 0 : -1;
      }()"""

MUTATIONS = [
    # AES-256-GCM
    one("gcm: tag check skipped", "crypto/aead.cc",
        r"EVP_DecryptFinal_ex\(context, &no_bytes, &none\) != 1", "false"),
    one("gcm: AAD dropped", "crypto/aead.cc", r"!Update\(context, aad, nullptr\) \|\|", "", 2),
    one("gcm: nonce of any size", "crypto/aead.cc", r"nonce\.size\(\) != kNonceBytes", "false"),
    one("gcm: key of any size", "crypto/aead.cc", r"key\.size\(\) != 32", "false"),
    # FLOE
    one("floe: final bit ignored", "crypto/floe.cc", r"aad\.back\(\) = is_final \? 1 : 0", "aad.back() = 0"),
    one("floe: position dropped from the AAD", "crypto/floe.cc",
        r"PutBigEndian\(position, 8, absl::MakeSpan\(aad\)\)", "PutBigEndian(0, 8, absl::MakeSpan(aad))"),
    one("floe: fixed nonce", "crypto/floe.cc", r"ST_RETURN_IF_ERROR\(TakeNonce\(nonce\)\);",
        "std::fill(nonce.begin(), nonce.end(), std::uint8_t{7});"),
    one("floe: fixed IV", "crypto/floe.cc", r"(ST_RETURN_IF_ERROR\()?RandomFill\(absl::MakeSpan\(iv\)\)\)?;",
        "iv.fill(7);"),
    one("floe: header tag not checked", "crypto/floe.cc",
        r"!ConstantTimeEqual\(floe\.header_, header\)",
        "!ConstantTimeEqual(ByteSpan(floe.header_).first(kPrefixBytes), header.first(kPrefixBytes))"),
    one("floe: parameters not checked", "crypto/floe.cc",
        r"!ConstantTimeEqual\(floe\.header_, header\)",
        "!ConstantTimeEqual(ByteSpan(floe.header_).subspan(kParamsBytes), header.subspan(kParamsBytes))"),
    one("floe: a key for every segment", "crypto/floe.cc",
        r"position >> options_\.rotation_bits << options_\.rotation_bits", "position"),
    one("floe: key never rotated", "crypto/floe.cc",
        r"position >> options_\.rotation_bits << options_\.rotation_bits", "0 * position"),
    one("floe: stale key kept after rotation", "crypto/floe.cc",
        r"keyed_block_ == block", "keyed_block_.has_value()"),
    one("floe: AAD dropped from the KDF", "crypto/floe.cc", r"\{prefix, purpose, aad\}", "{prefix, purpose}"),
    one("floe: purpose dropped from the KDF", "crypto/floe.cc", r"\{prefix, purpose, aad\}", "{prefix, aad}"),
    one("floe: length field not checked", "crypto/floe.cc",
        r"GetBigEndian\(segment\.first\(kLengthBytes\)\) != LengthWord\(is_final, segment\.size\(\)\)", "false"),
    one("floe: segments without limit", "crypto/floe.cc",
        r"if \(position >= (kMaxSegments|options_\.max_segments) - \(is_final \? 0 : 1\)\) \{", "if (false) {"),
    one("floe: unauthenticated bytes released", "crypto/floe.cc",
        r"if \(!status\.ok\(\)\) Wipe\(out\);", "", 2),
    # Streams
    one("stream: sealer stays at its position", "crypto/sealed_stream.cc", r"    \+\+position;\n", ""),
    one("stream: opener stays at its position", "crypto/sealed_stream.cc", r"  \+\+state_->position;\n", ""),
    one("stream: sealing goes on after the end", "crypto/sealed_stream.cc",
        r"    finished = is_final;", "    finished = false;"),
    one("stream: opening goes on after the end", "crypto/sealed_stream.cc",
        r"state_->finished = is_final;", "state_->finished = false;"),
    one("stream: a segment says itself that it is final", "crypto/sealed_stream.cc",
        r"position \+ 1 == state_->segment_count", "!IsMarkedInternal(segment)"),
    one("stream: context dropped", "crypto/sealed_stream.cc",
        r"aad\.insert\(aad\.end\(\), digest\.begin\(\), digest\.end\(\)\);", ""),
    # Wrapping and derivation
    one("wrap: context dropped", "crypto/key_wrap.cc",
        r"aad\.insert\(aad\.end\(\), context\.begin\(\), context\.end\(\)\);", ""),
    one("wrap: length not checked", "crypto/key_wrap.cc",
        r"if \(wrapped\.size\(\) < kStreamHeaderBytes \+ kSegmentOverhead\) return Tampered\(\);", ""),
    one("derive: shard dropped from the column key", "crypto/key_derivation.cc",
        r"AsBytes\(kColumnLabel\), shard_id, ", "AsBytes(kColumnLabel), "),
    one("derive: all but the first class key ignored", "crypto/key_derivation.cc",
        r"Derive<Dek>\(ikm\.span\(\)", "Derive<Dek>(ikm.span().first(kKeyBytes)"),
    one("derive: label dropped from the object key", "crypto/key_derivation.cc",
        r"object_id, AsBytes\(label\)", "object_id"),
    one("derive: separator dropped from the pseudonym key", "crypto/key_derivation.cc",
        r"AsBytes\(kPseudonymLabel\), kSeparator,", "AsBytes(kPseudonymLabel),"),
    one("hkdf: SHA-256 for SHA-384", "crypto/hkdf.cc", r'sha_bits == 256 \? "SHA256" : "SHA384"', '"SHA256"'),
    one("hkdf: salt dropped", "crypto/hkdf.cc", r"OctetString\(OSSL_KDF_PARAM_SALT, salt\)",
        "OctetString(OSSL_KDF_PARAM_SALT, {})"),
    one("hkdf: output left after a failure", "crypto/hkdf.cc", r"if \(!status\.ok\(\)\) Wipe\(out\);", ""),
    one("hmac: another hash", "crypto/mac.cc", r'digest_name\[\] = "SHA256"', 'digest_name[] = "SHA512-256"'),
    one("merkle: leaves hashed like nodes", "crypto/hash.cc", r"kLeafPrefix\[\] = \{0x00\}", "kLeafPrefix[] = {0x01}"),
    # Signatures
    Mutation("ed25519: a lax verifier", [
        Edit("crypto/signing.cc",
             r"crypto_sign_verify_detached\(signature\.data\(\), message\.data\(\), message\.size\(\), key\.data\(\)\)",
             LAX_VERIFIER),
        Edit("crypto/signing.cc", r"#include <utility>\n", "#include <openssl/evp.h>\n#include <utility>\n")]),
    one("ed25519: signatures of any size", "crypto/signing.cc", r"signature\.size\(\) != crypto_sign_BYTES \|\|", ""),
    one("ed25519: every signature verifies", "crypto/signing.cc", r"return absl::DataLossError\(", "(void)absl::DataLossError("),
    # Argon2id
    one("argon2id: memory cap removed", "crypto/passphrase.cc", r" \|\| params\.memory_bytes > kMaxMemoryBytes", ""),
    one("argon2id: cap on passes removed", "crypto/passphrase.cc", r" \|\| params\.passes > kMaxPasses", ""),
    one("argon2id: salt ignored", "crypto/passphrase.cc", r"params\.salt\.data\(\)", "Id{}.data()"),
    # X25519 and HPKE
    one("x25519: the all-zero secret accepted", "crypto/x25519.cc",
        r"(crypto_scalarmult_curve25519\(shared[^;{]*?\)) != 0\)", r"\1 == 42)"),
    one("hpke: info not bound", "crypto/hpke_setup.cc", r'"info_hash", info,', '"info_hash", {},'),
    one("hpke: encapsulated key not bound", "crypto/hpke_setup.cc",
        r"JoinPublic\(\{encapsulated_key, recipient\}\)", "JoinPublic({recipient})"),
    one("hpke: another suite's name", "crypto/hpke_setup.cc", r"0x00, 0x01, 0x00, 0x02\}", "0x00, 0x01, 0x00, 0x01}"),
    one("hpke: small order reported apart", "crypto/hpke_setup.cc",
        r"if \(absl::IsInvalidArgument\(shared\.status\(\)\)\) return HpkeTampered\(\);", ""),
    one("hpke: nonce stays", "crypto/hpke.cc", r"\+\+sequence_;", ""),
    one("hpke: AAD dropped", "crypto/hpke.cc", r"\(\*nonce, aad, ", "(*nonce, {}, ", 2),
    one("hpke: messages without limit", "crypto/hpke.cc", r"sequence_ >= max_messages_", "false"),
    one("hpke: goes on in a forked child", "crypto/hpke.cc", r"base_nonce_\.left_behind\(\)", "false"),
    one("hpke: unauthenticated bytes released", "crypto/hpke.cc", r"    Wipe\(out\);\n", ""),
    one("hpke: fixed ephemeral key", "crypto/hpke.cc", r"SecretBytes::Random\(", "SecretBytes::Allocate("),
    # Tokens
    one("siv: tag check skipped", "crypto/siv.cc",
        r"EVP_CipherFinal_ex\(context, out\.data\(\) \+ out\.size\(\), &none\) != 1 \|\| !decrypted", "!decrypted && false"),
    one("siv: associated data dropped", "crypto/siv.cc", r"!UpdateSiv\(context, aad, nullptr\)", "false", 2),
    one("token: context dropped", "crypto/token_cipher.cc", r"siv_key_\.span\(\), context,", "siv_key_.span(), {},", 2),
    one("token: key derived without its label", "crypto/token_cipher.cc", r"AsBytes\(kTokenKeyLabel\)", "{}"),
    # Memory
    one("memory: Wipe() does nothing", "crypto/secret_bytes.cc",
        r"sodium_memzero\(bytes\.data\(\), bytes\.size\(\)\);", ""),
    one("memory: comparison ignores sizes", "crypto/secret_bytes.cc",
        r"a\.size\(\) == b\.size\(\) && |if \(a\.size\(\) != b\.size\(\)\) return false;", ""),
    Mutation("memory: memcmp compares secrets", [
        Edit("crypto/secret_bytes.cc", r"sodium_memcmp\(", "std::memcmp("),
        Edit("crypto/secret_bytes.cc", r"#include <utility>\n", "#include <cstring>\n#include <utility>\n")]),
    one("memory: keys not hidden", "crypto/secret_heap.cc",
        r"MapSecretPages\(kRegionBytes, /\*hide=\*/true\)", "MapSecretPages(kRegionBytes, /*hide=*/false)"),
    one("memory: pages not locked", "crypto/secret_pages.cc",
        r"!hidden && ::mlock\(pages\.data, bytes\) == 0", "!hidden"),
    one("memory: pages in core dumps", "crypto/secret_pages.cc",
        r" &&\s+::madvise\(base, WithGuards\(bytes\), MADV_DONTDUMP\) == 0", ""),
    one("memory: pages inherited by a forked child", "crypto/secret_pages.cc",
        r" &&\s+::madvise\(base, WithGuards\(bytes\), MADV_DONTFORK\) == 0", ""),
    one("memory: no guard page", "crypto/secret_pages.cc",
        r"::mprotect\(base \+ PageBytes\(\) \+ bytes, PageBytes\(\), PROT_NONE\) == 0 &&\s+", ""),
    one("memory: no fence where keys were", "crypto/secret_heap.cc",
        r"  for \(const Region& region : regions_\) FenceSecretPages\(region\.pages\);\n", ""),
    one("memory: no fence where plaintext was", "crypto/secret_heap.cc",
        r"  for \(const auto& \[start, pages\] : large_\) FenceSecretPages\(pages\);\n", ""),
    one("memory: a child frees what its parent holds", "crypto/secret_heap.cc",
        r"if \(block\.generation != generation\(\)\) return;", ""),
    one("memory: a child seals with what it has not", "crypto/floe.cc",
        r"message_key_\.left_behind\(\)", "false"),
    one("memory: a child that nobody told goes on", "crypto/secret_bytes.cc",
        r"!heap\.is_here\(\) \|\| ", ""),
    one("memory: keys not wiped", "crypto/secret_heap.cc", r"  Wipe\(bytes\);\n", ""),
    one("memory: canary not checked", "crypto/secret_heap.cc",
        r"    if \(place\[i\] != canary_\[i % kCanaryBytes\]\) DieOfCorruption\(\);\n", ""),
    one("memory: writes to freed keys go unnoticed", "crypto/secret_heap.cc",
        r"  if \(!AreZeros\(bytes\)\) DieOfCorruption\(\);\n", ""),
    one("memory: blocks overlap", "crypto/secret_heap.cc",
        r"extent\.second >= extent_bytes", "extent.second + 32 >= extent_bytes"),
    one("memory: holes never join", "crypto/secret_heap.cc",
        r"previous->first \+ previous->second == here->first", "false"),
    one("memory: plaintext may take all that can be locked", "crypto/secret_heap.cc",
        r"(// Keys are to find locked memory[^\n]*\n[^\n]*\n)    ST_RETURN_IF_ERROR\(Prepare\(\)\);\n", r"\1"),
    one("memory: moved from, but still there", "crypto/secret_bytes.cc",
        r"size_\(std::exchange\(other\.size_, 0\)\)", "size_(other.size_)"),
    # Randomness and limits
    one("random: failures of the kernel ignored", "crypto/random.cc",
        r"return absl::UnavailableError\(", "(void)absl::UnavailableError("),
    one("random: a short draw is a whole one", "crypto/random.cc",
        r"rest\.remove_prefix\(static_cast<std::size_t>\(drawn\)\);", "rest = {};"),
    one("random: an interrupted draw is a failure", "crypto/random.cc",
        r"    if \(drawn < 0 && errno == EINTR\) continue;\n", ""),
    one("random: a partial draw stays behind", "crypto/random.cc", r"      Wipe\(out\);\n", ""),
    one("floe: sealing without a nonce", "crypto/floe.cc",
        r"ST_RETURN_IF_ERROR\(TakeNonce\(nonce\)\);", "TakeNonce(nonce).IgnoreError();"),
    one("floe: a nonce stays in the pool", "crypto/floe.cc",
        r"--drawn_nonces_;", ""),
    one("floe: nonces that could not be drawn are used", "crypto/floe.cc",
        r"(ST_RETURN_IF_ERROR\(RandomFill\(nonces_[^;]*;)\s+(drawn_nonces_ = next_draw_;)", r"\2 \1"),
    one("limits: one seal too many", "crypto/key.h", r"left >= count", "left + 1 >= count"),
    one("limits: a moved key counts from nothing", "crypto/key.h",
        r"    left_ = other\.left_\.exchange\(0\);\n", ""),
    one("limits: streams not counted", "crypto/sealed_stream.cc",
        r"  ST_RETURN_IF_ERROR\(key\.CountSeals\(1\)\);\n", ""),
    one("limits: wraps not counted", "crypto/key_wrap.cc",
        r"  ST_RETURN_IF_ERROR\(kek\.CountSeals\(1\)\);\n", ""),
    one("limits: more segments than the reader allows", "crypto/floe.cc",
        r"position >= options_\.max_segments - \(is_final \? 0 : 1\) \|\|", ""),
    one("limits: a size of more segments than the reader allows", "crypto/stream_size.cc",
        r"if \(segments > options\.max_segments\)", "if (segments > kMaxSegments)"),
    one("limits: segments of any size", "crypto/stream_size.cc",
        r"absl::c_linear_search\(kSegmentSizes, size\)", "true"),
    one("limits: any rotation", "crypto/stream_size.cc",
        r": options\.rotation_bits == kRotationBits;", ": true;"),
]
