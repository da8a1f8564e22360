# SPDX-License-Identifier: MIT
"""Hostile guests beside one that checks itself all the while: it loses nothing, its time neither."""
import beside_runs
from beside_runs import Attacker

SEED = 1
FOREVER = "attack=%s seed=%d first=clock rounds=0"


def beside(name, cpus=1, vcpus=1):
    """The test that has an attack run beside the neighbour."""
    def function(box, emulator):
        beside_runs.run(box, emulator, [Attacker(FOREVER % (name, SEED), vcpus)], cpus,
                        share=beside_runs.SHARE_CROWD if vcpus > 1 else None)

    function.seconds = 25
    return function


test_memory = beside("memory")
test_ports = beside("ports")
test_msrs = beside("msrs")
test_cpuid = beside("cpuid")
test_registers = beside("registers")
test_interrupts = beside("interrupts")
test_opcodes = beside("opcodes")
test_devices = beside("devices")
test_selfmod = beside("selfmod")
test_crowd = beside("crowd", vcpus=4)
test_crowd_on_two = beside("crowd", cpus=2, vcpus=4)
test_ends = beside("ends")
test_resets = beside("resets")
test_hogs = beside("hogs")
test_timers = beside("timers")
test_mixture_on_two = beside("mixture", cpus=2)


def test_two_attackers(box, emulator):
    beside_runs.run(box, emulator, [Attacker(FOREVER % ("mixture", SEED)),
                                    Attacker(FOREVER % ("interrupts", SEED))])


test_two_attackers.seconds = 30
