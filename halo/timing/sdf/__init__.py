# SPDX-License-Identifier: Apache-2.0
"""Standard Delay Format files: read, checked, laid on a circuit, and written."""
