#include <functional>
#include <memory>
#include <vector>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/aead_internal.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/siv_internal.h"
#include "sealtrain/tests/kat/kat.h"
#include "sealtrain/tests/kat/library_algorithms.h"

namespace sealtrain::kat {
namespace {

struct AeadArgs {
  std::string algorithm;
  Bytes key;
  Bytes nonce;
  Bytes aad;
};

// The one that seals everything.
Answer OpenAes256Gcm(ByteSpan key, ByteSpan nonce, ByteSpan aad, ByteSpan sealed) {
  ST_ASSIGN_OR_RETURN(crypto::Aes256Gcm aead, crypto::Aes256Gcm::Create());
  ST_RETURN_IF_ERROR(aead.SetKey(key));
  if (sealed.size() < crypto::kTagBytes) return absl::DataLossError("shorter than a tag");
  Bytes plaintext(sealed.size() - crypto::kTagBytes);
  ST_RETURN_IF_ERROR(aead.Open(nonce, aad, sealed, absl::MakeSpan(plaintext)));
  return plaintext;
}

struct AeadAlgorithm {
  const char* name;
  std::size_t key_bytes;
  Answer (*open)(ByteSpan key, ByteSpan nonce, ByteSpan aad, ByteSpan sealed);
};
constexpr AeadAlgorithm kAeadAlgorithms[] = {
    {"aes-256-gcm", 32, &OpenAes256Gcm},   {"aes-128-gcm", 16, &OpenAesGcm},
    {"aes-192-gcm", 24, &OpenAesGcm},      {"chacha20-poly1305", 32, &OpenChaCha20Poly1305},
    {"xaes-256-gcm", 32, &OpenXaes256Gcm},
};

Answer AeadOpen(const AeadArgs& args) {
  for (const AeadAlgorithm& algorithm : kAeadAlgorithms) {
    if (args.algorithm != algorithm.name) continue;
    if (args.key.size() != algorithm.key_bytes) {
      return absl::InvalidArgumentError("the key has not the size of the algorithm's");
    }
    return algorithm.open(args.key, args.nonce, args.aad, ReadStdin());
  }
  return absl::InternalError("an algorithm that the options do not let through");
}

struct SivArgs {
  Bytes key;
  Bytes aad;
};

Answer SivSeal(const SivArgs& args) {
  const Bytes plaintext = ReadStdin();
  Bytes sealed(plaintext.size() + crypto::kSivTagBytes);
  ST_RETURN_IF_ERROR(crypto::SealAes256Siv(args.key, args.aad, plaintext, absl::MakeSpan(sealed)));
  return sealed;
}

Answer SivOpen(const SivArgs& args) {
  const Bytes sealed = ReadStdin();
  if (sealed.size() < crypto::kSivTagBytes) return absl::DataLossError("shorter than a tag");
  Bytes plaintext(sealed.size() - crypto::kSivTagBytes);
  ST_RETURN_IF_ERROR(crypto::OpenAes256Siv(args.key, args.aad, sealed, absl::MakeSpan(plaintext)));
  return plaintext;
}

void AddSivCommand(Menu& menu, const std::string& name, const std::string& help,
                   Answer (*answer)(const SivArgs&)) {
  auto args = std::make_shared<SivArgs>();
  CLI::App* command = menu.Add(name, help, [args, answer] { return answer(*args); });
  AddHexOption(command, "--key", args->key, "64 bytes")->required();
  AddHexOption(command, "--aad", args->aad, "One component; empty if not given");
}

}  // namespace

void AddAeadCommands(Menu& menu) {
  auto args = std::make_shared<AeadArgs>();
  CLI::App* command = menu.Add("aead-open", "Open one AEAD message, ciphertext and tag, on stdin",
                               [args] { return AeadOpen(*args); });
  std::vector<std::string> names;
  for (const AeadAlgorithm& algorithm : kAeadAlgorithms) names.emplace_back(algorithm.name);
  AddAlgorithmOption(command, args->algorithm, std::move(names))->required();
  AddHexOption(command, "--key", args->key, "Of the size of the algorithm")->required();
  AddHexOption(command, "--nonce", args->nonce, "Of the size of the algorithm")->required();
  AddHexOption(command, "--aad", args->aad, "Associated data; none if not given");

  AddSivCommand(menu, "siv-seal", "Seal stdin by AES-256-SIV", &SivSeal);
  AddSivCommand(menu, "siv-open", "Open the AES-256-SIV message on stdin", &SivOpen);
}

}  // namespace sealtrain::kat
