// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/bpf_handles.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace bpftune {

bool IsObjectName(const std::string& name) {
  return !name.starts_with(".") && name.ends_with(".bpf.o");
}

Result<ObjectFile> ReadObject(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error::FromErrno("opening '" + path + "'");
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (in.bad()) return Error::FromErrno("reading '" + path + "'");
  return ObjectFile{path, std::move(bytes).str()};
}

Result<BpfObjectPtr> OpenObject(const ObjectFile& file, const std::string& btf) {
  // As libbpf names an object by its file.
  const std::string base = file.path.substr(file.path.rfind('/') + 1);
  const std::string name = base.substr(0, base.find('.'));
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name.c_str(),
              .btf_custom_path = btf.empty() ? nullptr : btf.c_str());
  BpfObjectPtr object(bpf_object__open_mem(file.bytes.data(), file.bytes.size(), &options));
  if (!object) return Error::FromErrno("opening '" + file.path + "'");
  return object;
}

Result<BpfObjectPtr> OpenObject(const std::string& path) {
  auto file = ReadObject(path);
  if (!file) return file.error();
  return OpenObject(*file);
}

Status SetRodata(bpf_object* object, const std::string& variable, const void* value, size_t size) {
  const btf* types = bpf_object__btf(object);
  bpf_map* map = bpf_object__find_map_by_name(object, ".rodata");
  const int id = types ? btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
  if (!map || id < 0) return Ok();
  size_t map_size = 0;
  // The initial value is private memory of this object; libbpf 1.1 only calls it const.
  char* data = static_cast<char*>(const_cast<void*>(bpf_map__initial_value(map, &map_size)));
  const btf_type* section = btf__type_by_id(types, static_cast<__u32>(id));
  const btf_var_secinfo* entry = btf_var_secinfos(section);
  for (int i = 0; i < btf_vlen(section); ++i, ++entry) {
    const btf_type* var = btf__type_by_id(types, entry->type);
    if (variable != btf__name_by_offset(types, var->name_off)) continue;
    if (entry->size != size || entry->offset + size_t{entry->size} > map_size) {
      return Error("variable '" + variable + "' has " + std::to_string(entry->size) +
                   " bytes where " + std::to_string(size) + " are expected");
    }
    std::memcpy(data + entry->offset, value, size);
  }
  return Ok();
}

Result<UniqueFd> RunIterator(const bpf_link* link, std::string* written) {
  constexpr size_t kMost = 256;
  UniqueFd fd(bpf_iter_create(bpf_link__fd(link)));
  if (!fd) return Error::FromErrno("starting an iterator");
  char output[kMost];
  for (;;) {
    const ssize_t length = read(fd.get(), output, sizeof(output));
    if (length == 0) return fd;
    if (length < 0 && errno != EINTR && errno != EAGAIN)
      return Error::FromErrno("running an iterator");
    if (length > 0 && written && written->size() < kMost)
      written->append(output, static_cast<size_t>(length));
  }
}

}  // namespace bpftune
