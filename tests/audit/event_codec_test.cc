#include "sealtrain/audit/event_codec.h"

#include <gtest/gtest.h>

#include <functional>

#include "google/protobuf/descriptor.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;

// Calls `check` with every field below `type` that is no message.
void ForEachLeaf(const google::protobuf::Descriptor& type,
                 const std::function<void(const google::protobuf::FieldDescriptor&)>& check) {
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    if (field.message_type() != nullptr) {
      ForEachLeaf(*field.message_type(), check);
    } else {
      check(field);
    }
  }
}

TEST(Event, EveryFieldSaysWhatItDiscloses) {
  int fields = 0;
  ForEachLeaf(*Event::descriptor(), [&fields](const google::protobuf::FieldDescriptor& field) {
    ++fields;
    const Disclosure disclosure = field.options().GetExtension(discloses);
    EXPECT_TRUE(disclosure == PUBLIC || disclosure == SEALED) << field.full_name();
    if (disclosure != SEALED) return;
    // A commitment; an opening says which by the field's number, which is of Event then.
    EXPECT_EQ(field.type(), google::protobuf::FieldDescriptor::TYPE_BYTES) << field.full_name();
    EXPECT_EQ(field.containing_type(), Event::descriptor()) << field.full_name();
    EXPECT_FALSE(field.is_repeated()) << field.full_name();
  });
  EXPECT_GT(fields, 30);
}

TEST(EncodeEvent, FillsInWhatIsUnset) {
  Event event;
  event.set_type(LOG_STARTED);
  event.set_phase(SUCCEEDED);
  ASSERT_OK_AND_ASSIGN(const std::string one, EncodeEvent(event));
  ASSERT_OK_AND_ASSIGN(const std::string two, EncodeEvent(event));
  ASSERT_OK_AND_ASSIGN(const Event first, DecodeEvent(one));
  ASSERT_OK_AND_ASSIGN(const Event second, DecodeEvent(two));
  EXPECT_EQ(first.format(), 1u);
  EXPECT_EQ(first.uid().size(), 16u);
  EXPECT_NE(first.uid(), second.uid());
  EXPECT_GT(first.wall_time_ns(), 1'700'000'000'000'000'000u);
  EXPECT_GT(first.boot_time_ns(), 0u);
  EXPECT_GE(second.boot_time_ns(), first.boot_time_ns());
}

TEST(EncodeEvent, KeepsWhatIsSet) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes, EncodeEvent(TestEvent(5)));
  ASSERT_OK_AND_ASSIGN(const Event event, DecodeEvent(bytes));
  EXPECT_EQ(event.SerializeAsString(), TestEvent(5).SerializeAsString());
}

TEST(EncodeEvent, RefusesWhatNoReaderTakes) {
  Event no_type = TestEvent(0);
  no_type.clear_type();
  EXPECT_THAT(EncodeEvent(no_type), StatusIs(kInvalid));
  Event no_phase = TestEvent(0);
  no_phase.clear_phase();
  EXPECT_THAT(EncodeEvent(no_phase), StatusIs(kInvalid));
  Event new_type = TestEvent(0);
  new_type.set_type(static_cast<EventType>(999));
  EXPECT_THAT(EncodeEvent(new_type), StatusIs(kInvalid));
  Event format = TestEvent(0);
  format.set_format(2);
  EXPECT_THAT(EncodeEvent(format), StatusIs(kInvalid));
  Event time = TestEvent(0);
  time.set_wall_time_ns(std::uint64_t{1} << 63);
  EXPECT_THAT(EncodeEvent(time), StatusIs(kInvalid));
  Event uid = TestEvent(0);
  uid.set_uid("short");
  EXPECT_THAT(EncodeEvent(uid), StatusIs(kInvalid));
  Event request = TestEvent(0);
  request.set_request_uid("short");
  EXPECT_THAT(EncodeEvent(request), StatusIs(kInvalid));
  Event about = TestEvent(0);
  about.mutable_object()->set_entry_uid("short");
  EXPECT_THAT(EncodeEvent(about), StatusIs(kInvalid));
  Event why = TestEvent(0);
  why.set_why("because");
  EXPECT_THAT(EncodeEvent(why), StatusIs(kInvalid));
  Event text = TestEvent(0);
  text.mutable_actor()->set_principal("\xFF");
  EXPECT_THAT(EncodeEvent(text), StatusIs(kInvalid));
}

TEST(EncodeEvent, RefusesWhatIsTooLong) {
  Event event = TestEvent(0);
  event.set_purpose(std::string(kMaxEntryBytes, 'x'));
  EXPECT_THAT(EncodeEvent(event), StatusIs(kInvalid));
  event.clear_purpose();
  // The longest: a field of n bytes above 127 costs n + 3.
  event.set_purpose(std::string(kMaxEntryBytes - event.ByteSizeLong() - 3, 'x'));
  ASSERT_EQ(event.ByteSizeLong(), kMaxEntryBytes);
  EXPECT_OK(EncodeEvent(event));
  event.mutable_purpose()->push_back('x');
  EXPECT_THAT(EncodeEvent(event), StatusIs(kInvalid));
}

TEST(DecodeEvent, RejectsWhatIsUnknown) {
  Event event = TestEvent(0);
  EXPECT_OK(DecodeEvent(event.SerializeAsString()));
  event.set_phase(static_cast<Phase>(77));
  EXPECT_THAT(DecodeEvent(event.SerializeAsString()), StatusIs(kDataLoss));
  event = TestEvent(0);
  event.set_wall_time_ns(std::uint64_t{1} << 63);
  EXPECT_THAT(DecodeEvent(event.SerializeAsString()), StatusIs(kDataLoss));
  event = TestEvent(0);
  event.set_format(0);
  EXPECT_THAT(DecodeEvent(event.SerializeAsString()), StatusIs(kDataLoss));
  EXPECT_THAT(DecodeEvent(""), StatusIs(kDataLoss));
  EXPECT_THAT(DecodeEvent("\x08"), StatusIs(kDataLoss));
  EXPECT_THAT(DecodeEvent(TestEvent(0).SerializeAsString() + std::string(kMaxEntryBytes, '\0')),
              StatusIs(kDataLoss));
}

}  // namespace
}  // namespace sealtrain::audit
