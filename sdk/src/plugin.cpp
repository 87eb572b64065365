// SPDX-License-Identifier: Apache-2.0
#include "plugin.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include <mvm/plugin.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm {
namespace {

namespace abi = plugin::abi;
using queue::CodecBuffer;
using queue::ConstBytes;

constexpr std::size_t kMaxReason = 1000;  ///< bytes of a plugin's own words

const char* kind_words(std::uint32_t kind) {
  if (kind == abi::kCodec) return "a codec (MVM_CODEC)";
  if (kind == abi::kQueueType) return "a queue type (MVM_QUEUE_TYPE)";
  return "of an unknown kind";
}

/// Lends a plugin memory and takes its reasons, for the length of one call.
class Call {
 public:
  Call() = default;
  Call(CodecBuffer& space, std::size_t limit) : space_(&space), limit_(limit) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  [[nodiscard]] const abi::Host* host() const { return &host_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  static void* resize(void* owner, std::size_t size) {
    auto& call = *static_cast<Call*>(owner);
    if (call.space_ == nullptr || size > call.limit_) return nullptr;
    const auto memory = call.space_->resize(size);
    if (!memory) return nullptr;
    call.size_ = size;
    return *memory;
  }
  static void fail_with(void* owner, const char* words, std::size_t length) {
    static_cast<Call*>(owner)->reason_.assign(words, std::min(length, kMaxReason));
  }

  CodecBuffer* space_ = nullptr;
  std::size_t limit_ = 0;
  std::size_t size_ = 0;
  std::string reason_ = "it gave no reason";
  const abi::Host host_{.owner = this, .resize = resize, .fail = fail_with};
};

/// One object that a plugin made.
class PluginObject {
 public:
  [[nodiscard]] static Result<PluginObject> make(const std::string& path, abi::Kind kind,
                                                 std::int32_t level) {
    const auto name = std::filesystem::path(path).stem().string();
    const auto plugin = load(path, name, kind);
    if (!plugin) return fail(plugin.error());
    const Call call;
    void* const self = (*plugin)->make(level, call.host());
    if (self == nullptr) {
      return fail(ErrorCode::kCodec, "plugin '", name, "' cannot start: ", call.reason());
    }
    return PluginObject(**plugin, self, name);
  }
  PluginObject(PluginObject&& other) noexcept
      : plugin_(other.plugin_),
        self_(std::exchange(other.self_, nullptr)),
        name_(std::move(other.name_)) {}
  PluginObject& operator=(PluginObject&&) = delete;
  ~PluginObject() {
    if (self_ != nullptr) plugin_->destroy(self_);
  }

  [[nodiscard]] const abi::Plugin& plugin() const { return *plugin_; }
  [[nodiscard]] void* self() const { return self_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  PluginObject(const abi::Plugin& plugin, void* self, std::string name)
      : plugin_(&plugin), self_(self), name_(std::move(name)) {}

  /// Loads the shared object, or finds it loaded, and checks that it is what it should be.
  static Result<const abi::Plugin*> load(const std::string& path, const std::string& name,
                                         abi::Kind kind) {
    const auto refuse = [&](const auto&... words) {
      return fail(ErrorCode::kCodec, "plugin '", name, "' (", path, ") ", words...);
    };
    // By a path only: a bare name would be looked for in the system's folders.
    if (!path.starts_with('/')) return refuse("has no absolute path");
    void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* reason = ::dlerror();
      return refuse("cannot be loaded: ", reason != nullptr ? reason : "unknown reason");
    }
    const auto* plugin = static_cast<const abi::Plugin*>(::dlsym(handle, "mvm_plugin"));
    if (plugin == nullptr || plugin->magic != abi::kMagic) {
      return refuse("is no plugin: its source must have MVM_CODEC(type) or MVM_QUEUE_TYPE(type)");
    }
    if (plugin->version != abi::kVersion || plugin->size < sizeof(abi::Plugin)) {
      return refuse("was built for version ", plugin->version, " of the plugin interface, and this",
                    " libmvm has version ", abi::kVersion, "; build it again");
    }
    if (plugin->kind != kind) {
      return refuse("is ", kind_words(plugin->kind), ", but the profile uses it as ",
                    kind_words(kind));
    }
    const bool complete =
        plugin->make != nullptr && plugin->destroy != nullptr &&
        (kind == abi::kCodec ? plugin->encode != nullptr && plugin->decode != nullptr
                             : plugin->rank != nullptr);
    if (!complete) return refuse("lacks functions that its kind must have");
    return plugin;
  }

  const abi::Plugin* plugin_;
  void* self_;
  std::string name_;
};

class PluginCodec : public queue::Codec {
 public:
  explicit PluginCodec(PluginObject object) : object_(std::move(object)) {}

  std::string_view name() const override { return object_.name(); }
  std::size_t longest(std::size_t) const override { return queue::kMaxMessage.count; }

  Result<ConstBytes> encode(ConstBytes plain, CodecBuffer& space) override {
    return run(object_.plugin().encode, plain, queue::kMaxMessage.count, space);
  }
  Result<ConstBytes> decode(ConstBytes encoded, std::size_t limit, CodecBuffer& space) override {
    return run(object_.plugin().decode, encoded, limit, space);
  }

 private:
  Result<ConstBytes> run(decltype(abi::Plugin::encode) function, ConstBytes bytes,
                         std::size_t limit, CodecBuffer& space) {
    if (const auto memory = space.prepare(0); !memory) return fail(memory.error());
    const Call call(space, limit);
    if (function(object_.self(), bytes.data(), bytes.size(), call.host()) != 0) {
      return fail(ErrorCode::kCodec, call.reason());
    }
    return space.first(call.size());
  }

  PluginObject object_;
};

}  // namespace

Result<std::unique_ptr<queue::Codec>> load_codec(const std::string& path, std::int32_t level) {
  auto object = PluginObject::make(path, abi::kCodec, level);
  if (!object) return fail(object.error());
  return std::make_unique<PluginCodec>(std::move(*object));
}

Result<queue::PluginRank> load_queue_type(const std::string& path) {
  auto made = PluginObject::make(path, abi::kQueueType, 0);
  if (!made) return fail(made.error());
  // Shared, because a std::function is copied.
  const auto object = std::make_shared<PluginObject>(std::move(*made));
  return [object](const queue::RankedMessage& message) -> Result<std::int64_t> {
    const Call call;
    const abi::RankedMessage ranked{.number = message.number,
                                    .data = message.data,
                                    .length = message.length,
                                    .priority = message.priority,
                                    .now_ns = message.now_ns,
                                    .deadline_ns = message.deadline_ns};
    std::int64_t rank = 0;
    if (object->plugin().rank(object->self(), &ranked, &rank, call.host()) != 0) {
      return fail(ErrorCode::kCodec, "queue type '", object->name(),
                  "' cannot rank a message: ", call.reason());
    }
    return rank;
  };
}

}  // namespace mvm
