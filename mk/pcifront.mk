# SPDX-License-Identifier: MIT
# Tests of what the PCI frontend stands on. Part of `make unit`.

FRONT_UNITS := bucket pirq-many
