# SPDX-License-Identifier: MIT
"""Processors of many years: each runs a guest, or is refused in a sentence that says what it lacks."""
import os

import machine
from boot_box import GUEST_PASS

HELLO = os.path.join(machine.BUILD, "guest", "hello.elf")
# None: it runs. Else: what the refusal names.
CPUS = {
    "bochs": {
        "core2_penryn_t9600": r"lacks extended page tables \(EPT\)",
        "corei5_lynnfield_750": "lacks unrestricted guest",
        "corei5_arrandale_m520": None,
        "corei7_sandy_bridge_2600k": None,
        "corei7_ivy_bridge_3770k": None,
        "corei7_haswell_4770": None,
        "corei7_icelake_u": None,
        "ryzen": None,
    },
    "qemu": {
        "EPYC,-svm": "SVM",
        "EPYC,+svm,-npt": "nested paging",
        "EPYC-Rome,+svm,+npt": None,
        "EPYC-Milan,+svm,+npt": None,
        "Opteron_G3,+svm,+npt": None,
    },
}


def test_models(box, emulator):
    for model, lacks in CPUS[emulator].items():
        # A machine that is refused stays on, so that its user can read why.
        until = None if lacks is None else rb"error: .*\n"
        result = box.run([(HELLO, "")], memory=64, guest_ports=True, cpu_model=model, timeout=100,
                         until=until)
        box.expect_no_fault(result)
        if lacks is None:
            box.expect_status(result, GUEST_PASS)
        else:
            box.expect(result, "error: .*" + lacks, "that %s is refused" % model)
