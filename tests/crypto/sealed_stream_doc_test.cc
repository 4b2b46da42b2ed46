// Reads the worked example out of docs/formats/sealed-stream.md and checks it.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/crypto/worked_example.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

class WorkedExample : public ::testing::Test {
 protected:
  const Bytes& Field(const std::string& name) const { return example_.at(name); }
  template <class KeyType>
  KeyType KeyNamed(const std::string& name) const {
    return KeyType::FromBytes(SecretOf(Field(name))).value();
  }
  Id ShardId() const {
    Id id{};
    std::copy_n(Field("shard_id").begin(), id.size(), id.begin());
    return id;
  }

  const std::map<std::string, Bytes> example_ = ReadWorkedExample("sealed-stream.md");
};

TEST_F(WorkedExample, OpensUnderTheDerivedColumnKey) {
  const ClassKey class_key = KeyNamed<ClassKey>("class_key");
  ASSERT_OK_AND_ASSIGN(Dek derived, KeyDerivation::ColumnDek({&class_key}, ShardId(), "mail.body"));
  const Bytes aad = StreamAad(AsBytes("worked example"));
  EXPECT_EQ(aad, Field("aad"));
  const Dek written = KeyNamed<Dek>("column_key");
  for (const Dek* key : {&std::as_const(derived), &written}) {
    ASSERT_OK_AND_ASSIGN(SecretBytes opened, OpenStream(*key, aad, Field("stream")));
    EXPECT_EQ(AsText(opened.span()), "Hello, Sealtrain!");
  }
}

TEST_F(WorkedExample, DerivesFromTwoClassKeys) {
  const ClassKey first = KeyNamed<ClassKey>("class_key");
  const ClassKey second = KeyNamed<ClassKey>("class_key_2");
  ASSERT_OK_AND_ASSIGN(Dek derived,
                       KeyDerivation::ColumnDek({&first, &second}, ShardId(), "mail.body"));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealStream(derived, {}, AsBytes("x")));
  EXPECT_OK(OpenStream(KeyNamed<Dek>("column_key_2"), {}, sealed));
}

TEST_F(WorkedExample, Unwraps) {
  ASSERT_OK_AND_ASSIGN(
      SecretBytes unwrapped,
      KeyWrap::UnwrapBytes(KeyNamed<Kek>("kek"), AsBytes("class-key/example"), Field("wrapped")));
  EXPECT_EQ(ToBytes(unwrapped.span()), Field("class_key"));
}

TEST_F(WorkedExample, GivesThePseudonym) {
  ASSERT_OK_AND_ASSIGN(MacKey key,
                       KeyDerivation::PseudonymKey(KeyNamed<ClassKey>("class_key"), "mail"));
  ASSERT_OK_AND_ASSIGN(Digest tag, Mac::Compute(key, AsBytes("alice@example.com")));
  EXPECT_EQ(ByteSpan(tag), ByteSpan(Field("pseudonym")));
}

}  // namespace
}  // namespace sealtrain::crypto
