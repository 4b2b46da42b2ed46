#include "sealtrain/pipeline/source.h"

#include <cstdlib>
#include <utility>

#include "sealtrain/pipeline/source/formats_internal.h"

namespace sealtrain::pipeline {

std::unique_ptr<Source> OpenSource(Format format, std::istream& input, std::string name,
                                   std::shared_ptr<const policy::Schema> schema) {
  switch (format) {
    case Format::kJsonl:
      return OpenJsonl(input, std::move(name), std::move(schema));
    case Format::kCsv:
      return OpenCsv(input, std::move(name), std::move(schema));
    case Format::kProtobuf:
      return OpenProtobuf(input, std::move(name), std::move(schema));
  }
  std::abort();
}

}  // namespace sealtrain::pipeline
