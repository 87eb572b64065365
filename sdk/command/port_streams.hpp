// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/base/records.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/job.hpp>

namespace mvm::command {

/// Writes the messages of a port to `standard_input`, until the port ends or nobody reads there any
/// more, and closes it. Messages that wait together are written together. Blocks.
void feed(Port& port, RecordFormat format, UniqueFd standard_input);

/// Sends what comes out of `standard_output`, until its end, and closes the port. Blocks. When
/// `program` (a pidfd) has ended, what lies in the pipe is the rest: others may hold it open for
/// ever. Throws `closed` when nobody receives any more, `error` for what cannot be sent.
void drain(UniqueFd standard_output, RecordFormat format, Port& port, int program);

}  // namespace mvm::command
