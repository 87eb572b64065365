// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/job.hpp>

#include <cstdint>

#include "fourier.hpp"

/// A part of one of many spectra: which one, where the part begins, and its values.
struct Part {
  struct Place {
    std::uint64_t transform, first_frequency;
    MVM_FIELDS(transform, first_frequency);
  };
  Place place{};
  Block values;
  MVM_FIELDS(place, values);
};
