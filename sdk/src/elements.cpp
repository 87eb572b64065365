// SPDX-License-Identifier: Apache-2.0
// Messages as the types that a receiver asks for, and what is told when they are something else.
#include <span>
#include <string>

#include <mvm/queuelayer/portable.hpp>

#include "signature.hpp"
#include "task.hpp"

namespace mvm::detail {
namespace {

using queue::ElementType;

static_assert(static_cast<int>(Kind::kComposite) ==
                  static_cast<int>(queue::ElementKind::kComposite) &&
              static_cast<int>(Kind::kOwn) == static_cast<int>(queue::ElementKind::kOwn));

/// "right[0], port in: ", where the message came by a port.
std::string place_words(const Block& block) {
  if (block.port == nullptr) return {};
  const auto& state = PortAccess::state(*block.port);
  return state.task->name() + ", port " + state.name + ": ";
}

/// "left[0].output"; where it is not known which, all that might be.
std::string sender_words(const Block& block) {
  if (block.port == nullptr) return "the sender";
  const auto& state = PortAccess::state(*block.port);
  if (block.channel != nullptr) {
    const auto* channel = static_cast<const queue::ChannelRecord*>(block.channel);
    return state.task->words_of(channel->sender_words);
  }
  std::string senders;
  for (const auto& inlet : state.inlets) {
    if (!senders.empty()) senders += " or ";
    senders += state.task->words_of(inlet->reader.channel().sender_words);
  }
  return senders;
}

/// What was sent, as far as it is known.
std::string sent_words(const Block& block) {
  if (kind_of(block.type) == Kind::kComposite && block.data != nullptr) {
    const auto parts = signature::split({static_cast<const char*>(block.data), block.size});
    if (parts) return signature::words(parts->signature);
  }
  return words_of(ElementType::of(block.type));
}

[[noreturn]] void refuse(const Block& block, const std::string& wanted, const std::string& remedy) {
  throw error(place_words(block) + "asked for " + wanted + ", but " + sender_words(block) +
              " sent " + std::to_string(block.size) + " bytes of " + sent_words(block) + "; " +
              remedy);
}

std::string elements_words(std::uint32_t wanted, std::size_t size) {
  return words_of(ElementType::of(wanted)) + " in " + std::to_string(size) + " bytes";
}

/// As they are, or converted.
bool can_be_had_as(const Block& block, std::uint32_t wanted) {
  if (fits(block, wanted)) return true;
  const auto from = ElementType::of(block.type);
  return block.portable && queue::is_convertible(from, ElementType::of(wanted)) &&
         block.size % from.size == 0;
}

constexpr auto kSameType = "send and receive the same type";
constexpr auto kSameNumber = "send and receive as many, or receive a std::vector";
constexpr auto kConvert = ", or let the queue convert it: codec=\"portable\"";

}  // namespace

void throw_mismatch(const Block& block, std::uint32_t wanted_type, std::size_t wanted_size) {
  std::string remedy = wanted_type == block.type ? kSameNumber : kSameType;
  if (wanted_type != block.type && !block.portable &&
      queue::is_convertible(ElementType::of(block.type), ElementType::of(wanted_type))) {
    remedy += kConvert;
  }
  refuse(block, elements_words(wanted_type, wanted_size), remedy);
}

void throw_mismatch(const Block& block, const std::string& wanted_signature) {
  std::string remedy = kSameType;
  if (kind_of(block.type) == Kind::kComposite && block.data != nullptr && !block.portable) {
    const auto parts = signature::split({static_cast<const char*>(block.data), block.size});
    if (parts && signature::is_convertible(parts->signature, wanted_signature)) remedy += kConvert;
  }
  refuse(block, signature::words(wanted_signature), remedy);
}

void throw_no_view(const Block& block, std::uint32_t wanted_type, std::size_t wanted_size) {
  const bool convertible = block.portable && queue::is_convertible(ElementType::of(block.type),
                                                                   ElementType::of(wanted_type));
  if (!convertible) throw_mismatch(block, wanted_type, wanted_size);
  refuse(block, "a view of " + elements_words(wanted_type, wanted_size),
         "a view cannot convert, ask for a copy: as<std::vector<T>>()");
}

void throw_malformed(const Block& block, const std::string& wanted_signature, const char* why) {
  throw error(place_words(block) + "the message from " + sender_words(block) + " is no " +
              signature::words(wanted_signature) + ": " + why);
}

std::size_t elements_size(const Block& block, std::uint32_t wanted) {
  if (!can_be_had_as(block, wanted)) {
    throw_mismatch(block, wanted, ElementType::of(wanted).size);
  }
  if (fits(block, wanted)) return block.size;
  return block.size / ElementType::of(block.type).size * ElementType::of(wanted).size;
}

std::size_t copy_elements(const Block& block, void* to, std::size_t room, std::uint32_t wanted) {
  if (!can_be_had_as(block, wanted)) throw_mismatch(block, wanted, room);
  const auto size = elements_size(block, wanted);
  if (size > room) throw_mismatch(block, wanted, room);
  const std::span from(static_cast<const std::byte*>(block.data), block.size);
  const auto to_type = ElementType::of(wanted);
  const auto from_type = fits(block, wanted) ? to_type : ElementType::of(block.type);
  const auto done = queue::convert_elements(from, from_type, static_cast<std::byte*>(to), to_type);
  if (!done) {
    throw error(place_words(block) + "the message from " + sender_words(block) +
                " cannot be had as " + words_of(to_type) + ": " + done.error().message);
  }
  return size;
}

}  // namespace mvm::detail
