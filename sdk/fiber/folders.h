// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// Makes the running task's working directory the process's, unless it is or the path does not
/// begin there. A null path does.
void mvm_enter_folder_for(const char* path);

/// The running task has changed the process's working directory: it is the task's from now on.
void mvm_folder_changed(void);

#ifdef __cplusplus
}
#endif
