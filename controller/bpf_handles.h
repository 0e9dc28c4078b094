// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// libbpf's objects, with owners; and the few things we do to an object before it is loaded.

#include <bpf/libbpf.h>

#include <memory>
#include <string>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
struct FreeRingBuffer {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using BpfObjectPtr = std::unique_ptr<bpf_object, CloseObject>;
using BpfLinkPtr = std::unique_ptr<bpf_link, DestroyLink>;
using RingBufferPtr = std::unique_ptr<ring_buffer, FreeRingBuffer>;

// The bytes of an object file as they were read, once, and where they came from.
struct ObjectFile {
  std::string path;
  std::string bytes;
};

// *.bpf.o, without a leading dot.
bool IsObjectName(const std::string& name);

Result<ObjectFile> ReadObject(const std::string& path);
// `btf`: a file with the kernel's types, as far as the object uses them; empty: the kernel's own.
Result<BpfObjectPtr> OpenObject(const ObjectFile& file, const std::string& btf = "");
Result<BpfObjectPtr> OpenObject(const std::string& path);

// Sets a `const volatile` variable of the object before it is loaded. An object that does not use
// the variable is left as it is. Fails if the variable has another size.
Status SetRodata(bpf_object* object, const std::string& variable, const void* value, size_t size);

// Runs an iterator to its end. What it writes is thrown away, or its first few hundred bytes are
// appended to `written`. EINTR is not an end. Returned is the descriptor of what has run: to close
// it takes longer than to apply what was decided, so the caller may do that first.
Result<UniqueFd> RunIterator(const bpf_link* link, std::string* written = nullptr);

}  // namespace bpftune
