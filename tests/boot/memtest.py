# SPDX-License-Identifier: MIT
"""memtest86+ is a guest of another kind: a bzImage that takes the whole machine by itself."""
import re

from boot_box import MEMTEST, Failure


def test_memtest(box):
    # It shows a test's number when it begins, so test 4 means that the ones before came to an end.
    result = box.run([(MEMTEST, "console=ttyS0,115200")], timeout=240, memory=64, count=False,
                     until=rb"(?s)Status: Testing.*#4 +\[")
    box.expect_no_fault(result)
    box.expect(result, r"(?s)Status: Testing.*#4 +\[", "memtest86+ at work")
    if re.search(r"Errors: *[1-9]", result.output):
        raise Failure("memtest86+ finds errors in the guest's memory")
