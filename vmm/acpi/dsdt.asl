/* SPDX-License-Identifier: MIT */
/*
 * The guest's machine in ACPI's own language: what it has that cannot be found by looking. The
 * numbers are those of vmm/load/e820.h and vmm/dev/; tests/unit/test_acpi_guest.c compares them.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "PLINTH", "PLINTHVM", 1)
{
	/* Power off: SLP_TYP 0, VPM_SLP_TYP_S5. There is no other sleep state. */
	Name (\_S5, Package () { Zero, Zero, Zero, Zero })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, Zero)
			Name (_BBN, Zero)

			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0x0000, 0x0000, 0x00FF, 0x0000, 0x0100)
				/* configuration mechanism 1; it is the bridge's own */
				IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0000, 0x0CF7, 0x0000, 0x0CF8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0D00, 0xFFFF, 0x0000, 0xF300)
				/* 0xa0000: where a VGA would be */
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable,
					ReadWrite, 0x00000000, 0x000A0000, 0x000BFFFF, 0x00000000,
					0x00020000)
				/* from 3 GiB to the IOAPIC */
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0x00000000, 0xC0000000, 0xFEBFFFFF, 0x00000000,
					0x3EC00000)
			})

			/* No function of bus 0 has an interrupt pin. */
			Name (_PRT, Package () {})

			/* What no other device claims, so that nothing is put there. */
			Device (RES0)
			{
				Name (_HID, EisaId ("PNP0C02"))
				Name (_UID, Zero)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0092, 0x0092, 0x01, 0x01)
					IO (Decode16, 0x04D0, 0x04D0, 0x01, 0x02)
					IO (Decode16, 0x0600, 0x0600, 0x01, 0x0C)
				})
			}

			Device (PIC)
			{
				Name (_HID, EisaId ("PNP0000"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0020, 0x0020, 0x01, 0x02)
					IO (Decode16, 0x00A0, 0x00A0, 0x01, 0x02)
					IRQNoFlags () { 2 }
				})
			}

			Device (PIT)
			{
				Name (_HID, EisaId ("PNP0100"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0040, 0x0040, 0x01, 0x04)
					IRQNoFlags () { 0 }
				})
			}

			Device (SPKR)
			{
				Name (_HID, EisaId ("PNP0800"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0061, 0x0061, 0x01, 0x01)
				})
			}

			Device (RTC)
			{
				Name (_HID, EisaId ("PNP0B00"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
					IRQNoFlags () { 8 }
				})
			}

			Device (KBD)
			{
				Name (_HID, EisaId ("PNP0303"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0060, 0x0060, 0x01, 0x01)
					IO (Decode16, 0x0064, 0x0064, 0x01, 0x01)
					IRQNoFlags () { 1 }
				})
			}

			/* Its ports are the keyboard's. */
			Device (MOU)
			{
				Name (_HID, EisaId ("PNP0F13"))
				Name (_CRS, ResourceTemplate ()
				{
					IRQNoFlags () { 12 }
				})
			}

			Device (COM1)
			{
				Name (_HID, EisaId ("PNP0501"))
				Name (_UID, One)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08)
					IRQNoFlags () { 4 }
				})
			}

			Device (COM2)
			{
				Name (_HID, EisaId ("PNP0501"))
				Name (_UID, 0x02)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x02F8, 0x02F8, 0x01, 0x08)
					IRQNoFlags () { 3 }
				})
			}
		}
	}
}
