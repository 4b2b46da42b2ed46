# How a room becomes a target: sealtrain_<room>, alias sealtrain::<room>.
#
# Headers are included as "sealtrain/<room>/<file>.h" both in the tree and once
# installed. In the tree a link in the build folder gives them that spelling.
set(SEALTRAIN_INCLUDE_DIR ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${SEALTRAIN_INCLUDE_DIR})
if(NOT EXISTS ${SEALTRAIN_INCLUDE_DIR}/sealtrain)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR} ${SEALTRAIN_INCLUDE_DIR}/sealtrain SYMBOLIC)
endif()
set(SEALTRAIN_GENERATED_DIR ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${SEALTRAIN_GENERATED_DIR})

# Most of the time a file takes goes into headers and templates that its
# neighbours use as well. What this hides, a missing include, the dev preset shows.
function(sealtrain_batched target)
  if(SEALTRAIN_BATCHED)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
    # In a batch no file is the main one.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# sealtrain_room(<name> SOURCES ... [PROTOS ...] [PUBLIC ...] [PRIVATE ...])
# PUBLIC and PRIVATE name the libraries to link. PROTOS are relative to the room.
function(sealtrain_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;PROTOS;PUBLIC;PRIVATE" ${ARGN})
  set(target sealtrain_${name})
  add_library(${target} STATIC ${ROOM_SOURCES})
  add_library(sealtrain::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${SEALTRAIN_INCLUDE_DIR}>
    $<BUILD_INTERFACE:${SEALTRAIN_GENERATED_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC ${ROOM_PUBLIC}
    PRIVATE ${ROOM_PRIVATE} $<BUILD_INTERFACE:sealtrain_flags>)
  sealtrain_batched(${target})
  foreach(proto IN LISTS ROOM_PROTOS)
    sealtrain_proto(${target} ${SEALTRAIN_INCLUDE_DIR} sealtrain/${name}/${proto})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY SEALTRAIN_ROOMS ${name})
endfunction()

# Compiles `file` (relative to the import folder `root`) into `target`.
function(sealtrain_proto target root file)
  string(REGEX REPLACE "\\.proto$" "" stem ${file})
  set(out ${SEALTRAIN_GENERATED_DIR}/${stem})
  add_custom_command(
    OUTPUT ${out}.pb.cc ${out}.pb.h
    COMMAND protobuf::protoc -I ${root} -I ${PROJECT_SOURCE_DIR}/policy/import
            --cpp_out=${SEALTRAIN_GENERATED_DIR} ${root}/${file}
    DEPENDS ${root}/${file} VERBATIM)
  # protoc's output does not meet our warning level and is not ours to change.
  set(options -w)
  if(SEALTRAIN_SANITIZE MATCHES address)
    list(APPEND options -O0 -fno-sanitize=all)
  endif()
  set_source_files_properties(${out}.pb.cc PROPERTIES COMPILE_OPTIONS "${options}")
  target_sources(${target} PRIVATE ${out}.pb.cc ${out}.pb.h)
endfunction()
