// What sealing costs above bare AES-256-GCM: both in one binary, in memory, over
// the same 256 MiB in pieces of 64 KiB.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>

#include "sealtrain/crypto/hpke.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/crypto/token_cipher.h"
#include "sealtrain/crypto/x25519_internal.h"

namespace sealtrain::crypto {
namespace {

constexpr std::size_t kPlaintextBytes = 256u << 20;
constexpr std::size_t kPieceBytes = 64u << 10;
constexpr std::size_t kNonceBytes = 12;

void Require(bool ok) {
  if (!ok) std::abort();
}

// AES-256-GCM with one key and a counting nonce: no format, no key schedule, no
// random numbers. Each piece lies as ciphertext ‖ tag.
class BareGcm {
 public:
  explicit BareGcm(bool seal) : seal_(seal), context_(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free) {
    const std::array<std::uint8_t, 32> key = {1};
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    Require(EVP_CipherInit_ex2(context_.get(), cipher, key.data(), nullptr, seal_, nullptr) == 1);
    EVP_CIPHER_free(cipher);
  }

  // `plain` and `sealed` are input and output, or the other way round.
  void RunPiece(std::uint64_t position, std::uint8_t* plain, std::size_t size,
                std::uint8_t* sealed) {
    std::array<std::uint8_t, kNonceBytes> nonce{};
    PutBigEndian(position, 8, absl::MakeSpan(nonce));
    std::uint8_t* tag = sealed + size;
    int written = 0;
    bool ok =
        EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), seal_, nullptr) == 1;
    if (!seal_) ok = ok && Control(EVP_CTRL_AEAD_SET_TAG, tag);
    ok = ok && EVP_CipherUpdate(context_.get(), seal_ ? sealed : plain, &written,
                                seal_ ? plain : sealed, static_cast<int>(size)) == 1;
    ok = ok && EVP_CipherFinal_ex(context_.get(), tag, &written) == 1;
    if (seal_) ok = ok && Control(EVP_CTRL_AEAD_GET_TAG, tag);
    Require(ok);
  }

 private:
  bool Control(int command, std::uint8_t* tag) {
    return EVP_CIPHER_CTX_ctrl(context_.get(), command, kTagBytes, tag) == 1;
  }

  int seal_;
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context_;
};

void RunBareGcm(bool seal, Bytes& plaintext, Bytes& sealed) {
  BareGcm gcm(seal);
  for (std::size_t position = 0; position * kPieceBytes < plaintext.size(); ++position) {
    gcm.RunPiece(position, plaintext.data() + position * kPieceBytes, kPieceBytes,
                 sealed.data() + position * (kPieceBytes + kTagBytes));
  }
}

Bytes BareSealedBuffer() {
  return Bytes(kPlaintextBytes / kPieceBytes * (kPieceBytes + kTagBytes));
}

void BareGcmSeal(benchmark::State& state) {
  Bytes plaintext(kPlaintextBytes, 7);
  Bytes sealed = BareSealedBuffer();
  for (auto _ : state) RunBareGcm(/*seal=*/true, plaintext, sealed);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPlaintextBytes));
}
BENCHMARK(BareGcmSeal)->Unit(benchmark::kMillisecond)->UseRealTime();

void BareGcmOpen(benchmark::State& state) {
  Bytes plaintext(kPlaintextBytes, 7);
  Bytes sealed = BareSealedBuffer();
  RunBareGcm(/*seal=*/true, plaintext, sealed);
  for (auto _ : state) RunBareGcm(/*seal=*/false, plaintext, sealed);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPlaintextBytes));
}
BENCHMARK(BareGcmOpen)->Unit(benchmark::kMillisecond)->UseRealTime();

// A whole stream into a buffer that is there already: header, keys and all.
void SealInto(const Dek& key, ByteSpan aad, ByteSpan plaintext, MutableByteSpan out) {
  const StreamOptions options;
  StreamSealer sealer = StreamSealer::Create(key, aad).value();
  std::copy(sealer.header().begin(), sealer.header().end(), out.begin());
  out.remove_prefix(kStreamHeaderBytes);
  while (plaintext.size() > options.plaintext_bytes()) {
    Require(sealer
                .SealSegment(plaintext.first(options.plaintext_bytes()),
                             out.first(options.segment_bytes))
                .ok());
    plaintext.remove_prefix(options.plaintext_bytes());
    out.remove_prefix(options.segment_bytes);
  }
  Require(sealer.SealFinalSegment(plaintext, out).ok());
}

// Each thread has a stream of its own.
void StreamSeal(benchmark::State& state) {
  const Dek key = Dek::Generate().value();
  const Bytes aad = StreamAad(AsBytes("bench"));
  const Bytes plaintext(kPlaintextBytes, 7);
  Bytes stream(SealedSize(kPlaintextBytes));
  for (auto _ : state) SealInto(key, aad, plaintext, absl::MakeSpan(stream));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPlaintextBytes));
}
BENCHMARK(StreamSeal)->Unit(benchmark::kMillisecond)->UseRealTime()->Threads(1)->Threads(2);

ByteSpan SegmentOf(const SegmentOpener& opener, ByteSpan stream, std::uint64_t position) {
  return stream.subspan(opener.SegmentOffset(position), opener.SegmentBytes(position));
}

void StreamOpen(benchmark::State& state) {
  const Dek key = Dek::Generate().value();
  const Bytes aad = StreamAad(AsBytes("bench"));
  Bytes plaintext(kPlaintextBytes, 7);
  Bytes stream(SealedSize(kPlaintextBytes));
  SealInto(key, aad, plaintext, absl::MakeSpan(stream));
  for (auto _ : state) {
    const ByteSpan header = ByteSpan(stream).first(kStreamHeaderBytes);
    SegmentOpener opener = SegmentOpener::Create(key, aad, header, stream.size()).value();
    MutableByteSpan out = absl::MakeSpan(plaintext);
    for (std::uint64_t position = 0; position < opener.segment_count(); ++position) {
      const ByteSpan segment = SegmentOf(opener, stream, position);
      const std::size_t size = segment.size() - kSegmentOverhead;
      Require(opener.OpenSegment(position, segment, out.first(size)).ok());
      out.remove_prefix(size);
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPlaintextBytes));
}
BENCHMARK(StreamOpen)->Unit(benchmark::kMillisecond)->UseRealTime()->Threads(1)->Threads(2);

// 4 KiB from anywhere in 256 MiB, with the one or two segments they lie in.
void RandomRead(benchmark::State& state) {
  constexpr std::uint64_t kReadBytes = 4 << 10;
  const StreamOptions options{.segment_bytes = static_cast<std::uint32_t>(state.range(0))};
  const Dek key = Dek::Generate().value();
  const Bytes stream = SealStream(key, {}, Bytes(kPlaintextBytes, 7), options).value();
  const ByteSpan header = ByteSpan(stream).first(kStreamHeaderBytes);
  SegmentOpener opener = SegmentOpener::Create(key, {}, header, stream.size(), options).value();
  SecretBytes segment_plaintext = SecretBytes::Allocate(options.plaintext_bytes()).value();
  std::mt19937_64 random(7);
  for (auto _ : state) {
    const std::uint64_t first = random() % (kPlaintextBytes - kReadBytes);
    const std::uint64_t last = first + kReadBytes - 1;
    for (std::uint64_t position = first / options.plaintext_bytes();
         position <= last / options.plaintext_bytes(); ++position) {
      const ByteSpan segment = SegmentOf(opener, stream, position);
      Require(opener
                  .OpenSegment(
                      position, segment,
                      segment_plaintext.mutable_span().first(segment.size() - kSegmentOverhead))
                  .ok());
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(RandomRead)->Unit(benchmark::kMicrosecond)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20);

std::size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  Require(static_cast<bool>(statm >> total >> resident));
  return resident * 4096;
}

// A stream of so many MiB through two buffers of a segment; how much larger the
// process has become when it is sealed and opened.
void StreamMemory(benchmark::State& state) {
  const StreamOptions options;
  const Dek key = Dek::Generate().value();
  const Bytes plaintext(options.plaintext_bytes(), 7);
  Bytes segment(options.segment_bytes);
  SecretBytes opened = SecretBytes::Allocate(options.plaintext_bytes()).value();
  const std::int64_t segments = (state.range(0) << 20) / options.segment_bytes;
  std::size_t growth = 0;
  for (auto _ : state) {
    const std::size_t before = ResidentBytes();
    StreamSealer sealer = StreamSealer::Create(key, {}).value();
    StreamOpener opener = StreamOpener::Create(key, {}, sealer.header()).value();
    for (std::int64_t i = 0; i < segments; ++i) {
      Require(sealer.SealSegment(plaintext, absl::MakeSpan(segment)).ok());
      Require(opener.OpenSegment(segment, opened.mutable_span()).ok());
    }
    const std::size_t after = ResidentBytes();
    growth = std::max(growth, after - std::min(before, after));
  }
  state.counters["grown_KiB"] = static_cast<double>(growth) / 1024;
}
BENCHMARK(StreamMemory)->Unit(benchmark::kMillisecond)->Iterations(1)->Arg(16)->Arg(1024);

void OpenerCreate(benchmark::State& state) {
  const Dek key = Dek::Generate().value();
  const Bytes stream = SealStream(key, {}, {}).value();
  const ByteSpan header = ByteSpan(stream).first(kStreamHeaderBytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(SegmentOpener::Create(key, {}, header, stream.size()).value());
  }
}
BENCHMARK(OpenerCreate)->Unit(benchmark::kMicrosecond);

void WrapKey(benchmark::State& state) {
  const Kek kek = Kek::Generate().value();
  const ClassKey key = ClassKey::Generate().value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(KeyWrap::Wrap(kek, AsBytes("bench"), key).value());
  }
}
BENCHMARK(WrapKey)->Unit(benchmark::kMicrosecond);

void UnwrapKey(benchmark::State& state) {
  const Kek kek = Kek::Generate().value();
  const ClassKey key = ClassKey::Generate().value();
  const Bytes wrapped = KeyWrap::Wrap(kek, AsBytes("bench"), key).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(KeyWrap::Unwrap<ClassKeyTag>(kek, AsBytes("bench"), wrapped).value());
  }
}
BENCHMARK(UnwrapKey)->Unit(benchmark::kMicrosecond);

void DeriveColumnKey(benchmark::State& state) {
  const ClassKey key = ClassKey::Generate().value();
  const Id shard = RandomId().value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(KeyDerivation::ColumnDek({&key}, shard, "mail.body").value());
  }
}
BENCHMARK(DeriveColumnKey)->Unit(benchmark::kMicrosecond);

void MakeSecret(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(SecretBytes::Allocate(size).value());
}
BENCHMARK(MakeSecret)
    ->Unit(benchmark::kMicrosecond)
    ->Arg(32)
    ->Arg(64 << 10)
    ->Arg(1 << 20)
    ->Arg(8 << 20);

void Argon2id(benchmark::State& state) {
  const SecretBytes passphrase = SecretBytes::CopyFrom(AsBytes("open sesame")).value();
  const Argon2idParams params;
  for (auto _ : state) benchmark::DoNotOptimize(KekFromPassphrase(passphrase, params).value());
}
BENCHMARK(Argon2id)->Unit(benchmark::kMillisecond);

void HkdfSha256(benchmark::State& state) {
  const Bytes ikm(32, 1);
  Bytes out(32);
  for (auto _ : state) Require(Hkdf(256, ikm, {}, AsBytes("bench"), absl::MakeSpan(out)).ok());
}
BENCHMARK(HkdfSha256)->Unit(benchmark::kMicrosecond);

void PseudonymTag(benchmark::State& state) {
  const MacKey key = MacKey::Generate().value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Mac::Compute(key, AsBytes("alice@example.com")).value());
  }
}
BENCHMARK(PseudonymTag)->Unit(benchmark::kMicrosecond);

void Ed25519Sign(benchmark::State& state) {
  const SigningKey key = SigningKey::Generate().value();
  const Bytes message(256, 1);
  for (auto _ : state) benchmark::DoNotOptimize(key.Sign(message));
}
BENCHMARK(Ed25519Sign)->Unit(benchmark::kMicrosecond);

void Ed25519Verify(benchmark::State& state) {
  const SigningKey key = SigningKey::Generate().value();
  const Bytes message(256, 1);
  const Signature signature = key.Sign(message);
  for (auto _ : state) Require(VerifySignature(key.public_key(), message, signature).ok());
}
BENCHMARK(Ed25519Verify)->Unit(benchmark::kMicrosecond);

void X25519Agree(benchmark::State& state) {
  const SecretBytes private_key = SecretBytes::Random(kX25519Bytes).value();
  const auto public_key = X25519PublicKey(private_key.span()).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(X25519(private_key.span(), public_key).value());
  }
}
BENCHMARK(X25519Agree)->Unit(benchmark::kMicrosecond);

// A key by itself, with a key agreement of its own.
void HpkeSealOne(benchmark::State& state) {
  const HpkePublicKey recipient = HpkeKeyPair::Generate().value().public_key();
  const Bytes key(kKeyBytes, 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(HpkeSeal(recipient, AsBytes("bench"), {}, key).value());
  }
}
BENCHMARK(HpkeSealOne)->Unit(benchmark::kMicrosecond);

void HpkeOpenOne(benchmark::State& state) {
  const HpkeKeyPair recipient = HpkeKeyPair::Generate().value();
  const Bytes sealed =
      HpkeSeal(recipient.public_key(), AsBytes("bench"), {}, Bytes(kKeyBytes, 1)).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(HpkeOpen(recipient, AsBytes("bench"), {}, sealed).value());
  }
}
BENCHMARK(HpkeOpenOne)->Unit(benchmark::kMicrosecond);

// One of many keys under the same key agreement.
void HpkeSealNext(benchmark::State& state) {
  const HpkePublicKey recipient = HpkeKeyPair::Generate().value().public_key();
  HpkeSealer sealer = HpkeSealer::Create(recipient, AsBytes("bench")).value();
  const Dek key = Dek::Generate().value();
  for (auto _ : state) benchmark::DoNotOptimize(sealer.SealKey({}, key).value());
}
BENCHMARK(HpkeSealNext)->Unit(benchmark::kMicrosecond);

constexpr char kTokenValue[] = "alice@example.com";

void TokenSeal(benchmark::State& state) {
  const TokenCipher cipher = TokenCipher::Create(TokenKey::Generate().value()).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(cipher.Seal(AsBytes("mail"), AsBytes(kTokenValue)).value());
  }
}
BENCHMARK(TokenSeal)->Unit(benchmark::kMicrosecond);

void TokenOpen(benchmark::State& state) {
  const TokenCipher cipher = TokenCipher::Create(TokenKey::Generate().value()).value();
  const Bytes token = cipher.Seal(AsBytes("mail"), AsBytes(kTokenValue)).value();
  for (auto _ : state) benchmark::DoNotOptimize(cipher.Open(AsBytes("mail"), token).value());
}
BENCHMARK(TokenOpen)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sealtrain::crypto
