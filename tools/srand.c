/* SPDX-License-Identifier: MIT */
/*
 * Put before the C library in Bochs (LD_PRELOAD): Bochs seeds the random numbers of its RDRAND from
 * the clock, so that no two runs of a guest that uses it are alike. With this they are.
 */
void srand(unsigned seed);

void srand(unsigned seed)
{
	(void)seed;
}
