/*
 * Chance under a seed (splitmix64).  The same seed gives the same numbers on every machine.
 */
#include "world.h"

#include <string.h>

uint64_t dice_next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int64_t dice_below(struct dice *d, int64_t n)
{
	return n > 0 ? (int64_t)(dice_next(d) % (uint64_t)n) : 0;
}

void dice_bytes(struct dice *d, void *out, size_t n)
{
	unsigned char *to = out;
	while (n > 0) {
		uint64_t word = dice_next(d);
		size_t part = n < sizeof(word) ? n : sizeof(word);
		memcpy(to, &word, part);
		to += part;
		n -= part;
	}
}
