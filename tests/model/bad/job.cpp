// SPDX-License-Identifier: Apache-2.0
// A source for profiles to name; never compiled.
int main() {}
