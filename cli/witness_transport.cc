#include "sealtrain/cli/witness_transport.h"

#include <curl/curl.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sealtrain::cli {
namespace {

constexpr long kTimeoutSeconds = 15;

// libcurl's CURLOPT_WRITEFUNCTION: taking less than it has ends the transfer.
std::size_t TakeAnswerBytes(char* data, std::size_t size, std::size_t count, void* body) {
  std::string& out = *static_cast<std::string*>(body);
  const std::size_t bytes = size * count;
  if (out.size() + bytes > audit::kMaxWitnessBytes) return 0;
  out.append(data, bytes);
  return bytes;
}

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

absl::StatusOr<audit::WitnessAnswer> PostToWitness(const std::string& url,
                                                   const std::string& body) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  if (initialised != CURLE_OK || curl == nullptr) {
    return absl::UnavailableError("cannot use the network");
  }
  if (!absl::StartsWith(url, "http://") && !absl::StartsWith(url, "https://")) {
    return absl::InvalidArgumentError("a witness has an http or https URL");
  }
  const std::string target =
      absl::StrCat(url, absl::EndsWith(url, "/") ? "" : "/", "add-checkpoint");
  const std::unique_ptr<curl_slist, CurlDeleter> headers(
      curl_slist_append(nullptr, "Content-Type: text/plain; charset=utf-8"));
  audit::WitnessAnswer answer;
  const auto set = [&](CURLoption option, auto value) {
    return curl_easy_setopt(curl.get(), option, value) == CURLE_OK;
  };
  if (!set(CURLOPT_URL, target.c_str()) || !set(CURLOPT_PROTOCOLS_STR, "http,https") ||
      !set(CURLOPT_POST, 1L) || !set(CURLOPT_POSTFIELDS, body.data()) ||
      !set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size())) ||
      !set(CURLOPT_HTTPHEADER, headers.get()) || !set(CURLOPT_TIMEOUT, kTimeoutSeconds) ||
      !set(CURLOPT_NOSIGNAL, 1L) || !set(CURLOPT_NOPROXY, "127.0.0.1,::1,localhost") ||
      !set(CURLOPT_WRITEFUNCTION, &TakeAnswerBytes) || !set(CURLOPT_WRITEDATA, &answer.body)) {
    return absl::InvalidArgumentError("not the URL of a witness");
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return absl::InvalidArgumentError("not the URL of a witness");
  }
  if (code != CURLE_OK) {
    return absl::UnavailableError(
        absl::StrCat("no answer from the witness: ", curl_easy_strerror(code)));
  }
  long status = 0;
  const char* content_type = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_TYPE, &content_type);
  answer.status = static_cast<int>(status);
  if (content_type != nullptr) answer.content_type = content_type;
  return answer;
}

}  // namespace sealtrain::cli
