// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/build/builder.hpp>

#include "compiler.hpp"
#include "manifest.hpp"

namespace mvm::build {

/// A precompiled header that a unit may start from: FOLDER/job.hpp, compiled beside it.
struct HeaderStart {
  std::filesystem::path header;  ///< the text, for a compiler that cannot use the compiled form
  std::filesystem::path compiled;
};

/// Writes the command lines for one job. Every word that comes from a profile stays one argument
/// and can only mean what it is declared to be: paths are absolute, names are checked, and flags
/// that would change what is read, made or where are refused by `check_options`.
class CommandLine {
 public:
  CommandLine(const BuildSettings& settings, const Compiler& compiler,
              const model::BuildOptions& options, Product product, const JobFolder& folder)
      : settings_(settings),
        compiler_(compiler),
        options_(options),
        product_(product),
        folder_(folder) {}

  [[nodiscard]] std::vector<std::string> compile(const std::filesystem::path& source,
                                                 const std::filesystem::path& object,
                                                 const std::filesystem::path& depfile,
                                                 const HeaderStart* start) const;
  [[nodiscard]] std::vector<std::string> precompile(const std::filesystem::path& compiled,
                                                    const std::filesystem::path& depfile) const;
  [[nodiscard]] std::vector<std::string> link(const std::vector<std::filesystem::path>& objects,
                                              const std::filesystem::path& program,
                                              const std::filesystem::path& depfile) const;

  /// Everything in those lines that changes the result, without the places of inputs and outputs:
  /// for the keys of the cache.
  [[nodiscard]] Digest compile_identity() const;
  [[nodiscard]] Digest precompile_identity() const;
  [[nodiscard]] Digest link_identity() const;

 private:
  /// Options that a precompiled header and its users must share.
  [[nodiscard]] std::vector<std::string> shared_options() const;
  [[nodiscard]] std::vector<std::string> own_options() const;
  [[nodiscard]] std::vector<std::string> link_options() const;
  /// What a program for fibers takes in as a whole.
  [[nodiscard]] std::filesystem::path image_archive() const;
  [[nodiscard]] Hasher& add_surroundings(Hasher& hasher) const;

  const BuildSettings& settings_;
  const Compiler& compiler_;
  const model::BuildOptions& options_;
  const Product product_;
  const JobFolder& folder_;
};

/// Refuses options that could not do what they say: kInvalidProfile, naming the option. `what` is
/// "job 'cell'".
[[nodiscard]] Result<void> check_options(const std::string& what,
                                         const model::BuildOptions& options);

}  // namespace mvm::build
