# SPDX-License-Identifier: Apache-2.0
"""What the programs in bench/ share, and what bench/compare is made of."""
