// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Codecs and queue types of your own: C++ sources that a profile names, which are built on demand
/// like jobs and loaded by the tasks at both ends of a queue.
///
///     #include <mvm/plugin.hpp>
///     struct Rot13 : mvm::plugin::Codec {
///       void encode(std::string_view plain, mvm::plugin::Output& out) override;
///       void decode(std::string_view encoded, mvm::plugin::Output& out) override;
///     };
///     MVM_CODEC(Rot13)
///
///     struct Shortest : mvm::plugin::QueueType {
///       std::int64_t rank(const mvm::plugin::Message& message) override {
///         return static_cast<std::int64_t>(message.bytes.size());
///       }
///     };
///     MVM_QUEUE_TYPE(Shortest)
///
/// One source makes one plugin: one such macro, outside of all namespaces. The type has a default
/// constructor; a codec may have one from `int` instead, for the level that the profile gives it
/// (0 where it gives none). Each end of each queue has an object of its own, which one thread uses
/// at a time. To refuse, throw a std::exception: its text reaches whoever sends or receives, with
/// the plugin's name in front.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <type_traits>

namespace mvm::plugin {

/// Where a codec writes its result. Memory of the queue: nothing is copied afterwards.
class Output {
 public:
  void append(std::string_view bytes) {
    const auto before = size_;
    char* const data = resize(before + bytes.size());
    if (!bytes.empty()) __builtin_memcpy(data + before, bytes.data(), bytes.size());
  }
  void append(char byte) { resize(size_ + 1)[size_ - 1] = byte; }
  /// Makes the whole result `size` bytes long; those that were there stay, new ones hold anything.
  /// Valid until the next call. Throws std::length_error over the limit of a message.
  char* resize(std::size_t size) {
    void* const data = resize_(owner_, size);
    if (data == nullptr) throw std::length_error("the result is over the limit of a message");
    size_ = size;
    return static_cast<char*>(data);
  }
  std::size_t size() const { return size_; }

  Output(void* owner, void* (*memory)(void*, std::size_t)) : owner_(owner), resize_(memory) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

 private:
  void* owner_;
  void* (*resize_)(void* owner, std::size_t size);
  std::size_t size_ = 0;
};

/// One stage of a queue's encoder and decoder. It must not remember messages: a queue may drop or
/// reorder them. `decode` may be given any bytes, and throws when no `encode` makes them.
class Codec {
 public:
  virtual ~Codec() = default;
  virtual void encode(std::string_view plain, Output& out) = 0;
  virtual void decode(std::string_view encoded, Output& out) = 0;
};

inline constexpr std::int64_t kNoDeadline = INT64_MAX;

/// What a queue type is told about a message when it is sent.
struct Message {
  std::uint64_t number = 0;                ///< of this sender's on this queue, from 0
  std::string_view bytes;                  ///< as they were sent, before any codec
  std::uint32_t priority = 0;              ///< as the sender gave it; 0 without one
  std::int64_t now_ns = 0;                 ///< of the group's clock
  std::int64_t deadline_ns = kNoDeadline;  ///< of the same clock

  /// The value at `offset`, of a trivially copyable type, as the sender wrote it. Throws
  /// std::out_of_range where the message ends before it does.
  template <typename T>
  T value(std::size_t offset = 0) const {
    static_assert(std::is_trivially_copyable_v<T>, "only trivially copyable values can be read");
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
      throw std::out_of_range("a message is shorter than the value that its rank depends on");
    }
    T value;
    __builtin_memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
};

/// Decides the order in which a queue's messages are received. It is asked once for each message,
/// at the sender.
class QueueType {
 public:
  virtual ~QueueType() = default;
  /// The lowest is received first; of equals, the oldest. By default first in, first out.
  virtual std::int64_t rank(const Message& message) {
    return static_cast<std::int64_t>(message.number);
  }
};

/// What a plugin exports, and all that is between it and the tasks: plain C, so that neither side
/// depends on the other's compiler. Fields are only ever added at the end.
namespace abi {

inline constexpr std::uint32_t kMagic = 0x70'6d'76'6d;  // "mvmp"
inline constexpr std::uint32_t kVersion = 1;

enum Kind : std::uint32_t { kCodec = 1, kQueueType = 2 };

/// Functions of the task that a call of the plugin may use.
struct Host {
  void* owner;
  void* (*resize)(void* owner, std::size_t size);  ///< null: over the limit
  void (*fail)(void* owner, const char* words, std::size_t length);
};

struct RankedMessage {
  std::uint64_t number;
  const void* data;
  std::uint64_t length;
  std::uint32_t priority;
  std::uint32_t unused;
  std::int64_t now_ns;
  std::int64_t deadline_ns;
};

/// Functions return 0, or another value after `fail`. None of them throws.
struct Plugin {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t kind;
  std::uint32_t size;                                   ///< of this struct
  void* (*make)(std::int32_t level, const Host* host);  ///< null after `fail`
  void (*destroy)(void* self);
  int (*encode)(void* self, const void* data, std::size_t size, const Host* host);
  int (*decode)(void* self, const void* data, std::size_t size, const Host* host);
  int (*rank)(void* self, const RankedMessage* message, std::int64_t* rank, const Host* host);
};

}  // namespace abi

namespace detail {

/// Exceptions end here: the other side may be built by another compiler.
template <typename Body>
int guarded(const abi::Host* host, const Body& body) {
  std::string_view words = "it threw what is no std::exception";
  try {
    body();
    return 0;
  } catch (const std::exception& thrown) {
    words = thrown.what();
    host->fail(host->owner, words.data(), words.size());
    return 1;
  } catch (...) {
    host->fail(host->owner, words.data(), words.size());
    return 1;
  }
}

template <typename T, typename Base>
void* make(std::int32_t level, const abi::Host* host) {
  static_assert(std::is_base_of_v<Base, T>, "derive it from mvm::plugin::Codec or QueueType");
  Base* made = nullptr;
  guarded(host, [&] {
    if constexpr (std::is_constructible_v<T, int>) {
      made = new T(static_cast<int>(level));
    } else {
      made = new T();
    }
  });
  return made;
}

template <typename Base>
void destroy(void* self) {
  delete static_cast<Base*>(self);
}

template <void (Codec::*kFunction)(std::string_view, Output&)>
int transform(void* self, const void* data, std::size_t size, const abi::Host* host) {
  return guarded(host, [&] {
    Output out(host->owner, host->resize);
    (static_cast<Codec*>(self)->*kFunction)({static_cast<const char*>(data), size}, out);
  });
}

inline int rank(void* self, const abi::RankedMessage* message, std::int64_t* rank,
                const abi::Host* host) {
  return guarded(host, [&] {
    *rank = static_cast<QueueType*>(self)->rank(
        {message->number,
         {static_cast<const char*>(message->data), static_cast<std::size_t>(message->length)},
         message->priority,
         message->now_ns,
         message->deadline_ns});
  });
}

template <typename T>
constexpr abi::Plugin codec() {
  return {abi::kMagic,
          abi::kVersion,
          abi::kCodec,
          sizeof(abi::Plugin),
          make<T, Codec>,
          destroy<Codec>,
          transform<&Codec::encode>,
          transform<&Codec::decode>,
          nullptr};
}

template <typename T>
constexpr abi::Plugin queue_type() {
  return {abi::kMagic,
          abi::kVersion,
          abi::kQueueType,
          sizeof(abi::Plugin),
          make<T, QueueType>,
          destroy<QueueType>,
          nullptr,
          nullptr,
          rank};
}

}  // namespace detail
}  // namespace mvm::plugin

/// The one thing that a plugin exports.
extern "C" __attribute__((visibility("default"))) const mvm::plugin::abi::Plugin mvm_plugin;

#define MVM_CODEC(type) \
  const mvm::plugin::abi::Plugin mvm_plugin = mvm::plugin::detail::codec<type>();
#define MVM_QUEUE_TYPE(type) \
  const mvm::plugin::abi::Plugin mvm_plugin = mvm::plugin::detail::queue_type<type>();
