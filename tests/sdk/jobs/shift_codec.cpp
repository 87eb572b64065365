// SPDX-License-Identifier: Apache-2.0
#include <mvm/plugin.hpp>

/// Adds a number to every byte, and the number of bytes at the end.
class Shift : public mvm::plugin::Codec {
 public:
  explicit Shift(int by) : by_(static_cast<unsigned char>(by)) {}

  void encode(std::string_view plain, mvm::plugin::Output& out) override {
    add(plain, by_, out);
    out.append(static_cast<char>(plain.size()));
  }
  void decode(std::string_view encoded, mvm::plugin::Output& out) override {
    if (encoded.empty() || encoded.back() != static_cast<char>(encoded.size() - 1)) {
      throw std::invalid_argument("the length does not fit");
    }
    add(encoded.substr(0, encoded.size() - 1), static_cast<unsigned char>(-by_), out);
  }

 private:
  static void add(std::string_view bytes, unsigned char number, mvm::plugin::Output& out) {
    char* to = out.resize(bytes.size());
    for (const char byte : bytes) *to++ = static_cast<char>(byte + number);
  }
  unsigned char by_;
};
MVM_CODEC(Shift)
