/*
 * A signed body made once with the openssl program, not with our code: a root, an intermediate, a
 * signer below it (RSA, 2,048 bits, valid for a hundred years), the body, and both signatures.
 * The keys were thrown away.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

static const char golden_root[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIDUTCCAjmgAwIBAgIUdUig2l+FYlzSKlfQzY/Z6PgMC7gwDQYJKoZIhvcNAQEL\n"
	"BQAwLzEWMBQGA1UECgwNRXhhbXBsZSBSb290czEVMBMGA1UEAwwMRXhhbXBsZSBS\n"
	"b290MCAXDTI2MTEyMjE2NTc0OFoYDzIxMjYxMDI5MTY1NzQ4WjAvMRYwFAYDVQQK\n"
	"DA1FeGFtcGxlIFJvb3RzMRUwEwYDVQQDDAxFeGFtcGxlIFJvb3QwggEiMA0GCSqG\n"
	"SIb3DQEBAQUAA4IBDwAwggEKAoIBAQDknG9jBiVvsWRa6LGshQL3YC/6rqQwPhGT\n"
	"QFcuw/wakwmpZheSyeCwdbf7fvDg8a//dlFLTbMNogRfC5XRQHcc7klDz7ia5C50\n"
	"99W8KSLP5KxOJBNOFEPibLwNgBuxQj4HHcw4DnW+f+eZwVr2NYp1V6d1qjfIzNOL\n"
	"5+ZJwh9gY/NCibGHauctEFIz7fb4zo111DGu9wkY8b5p4E00FjXEUpPE4/r7NGEt\n"
	"nm5gaImvXo+0bAyraCimHTtHHliqTB0yGutXDfBZ9cc/BIA8HF3z4694Jlg6nzuO\n"
	"RF/YbEX3meslyMVXXrKSr2H/Jmh1OKSi6Wj06Yrh+dYWxUOYpIAHAgMBAAGjYzBh\n"
	"MB0GA1UdDgQWBBQcPA1giJqfLm8hJ32o222bxNjR2TAfBgNVHSMEGDAWgBQcPA1g\n"
	"iJqfLm8hJ32o222bxNjR2TAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIB\n"
	"BjANBgkqhkiG9w0BAQsFAAOCAQEApELRungrVMOLyJr5NorDSz64mxSfFCmFG0mw\n"
	"A8cMPZmZCpu3CNn4/GPFsCWx+FpJyqp7OpzIwVCTtqy5bOgYYpCb7apXzfWKo7xA\n"
	"44JoC7a30ePJnqVyLNyZx9GscSW5aklfzN9Z1A6Nqe6sTb9mvopSJc8fxxlbYfdJ\n"
	"I0DTqqSoi0BIYqyB83l9ulrhGqIC8WlJILTAuprNY5dgL+ipbbrXxtOJYAs4nHjS\n"
	"CHqUI/TMzRumBD/K1DU7HPomGSjRTnwl2N08Xh8M8d9UvfUgzLRFnwjImAhOxV3w\n"
	"rV3VtxUaU/o3rnScNgvV1V0vqoDcueEBRwVmbfNk1yNKDvCC1A==\n"
	"-----END CERTIFICATE-----\n";
static const char golden_intermediate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIDXjCCAkagAwIBAgIUSnu2jC2mqpQfh22krlKKahCZKYowDQYJKoZIhvcNAQEL\n"
	"BQAwLzEWMBQGA1UECgwNRXhhbXBsZSBSb290czEVMBMGA1UEAwwMRXhhbXBsZSBS\n"
	"b290MCAXDTI2MTEyMjE2NTc0OVoYDzIxMjYxMDI5MTY1NzQ5WjA5MRgwFgYDVQQK\n"
	"DA9FeGFtcGxlIFNpZ25pbmcxHTAbBgNVBAMMFEV4YW1wbGUgSW50ZXJtZWRpYXRl\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyK5/NF2KAv+V60HRxsDF\n"
	"ESjUlIldvh8FOimR71Fwt66Jk9sKvKnU/3kNwKYOtiDcf/x9R3l4B3vKLjcUvJdY\n"
	"skWo1aYqBsSgsnZRgRCPBqy5/JMT+J/gQJkTjrHnZ4m9JrDkPxdF6+tVZTQ/SHaa\n"
	"96/pCyi2prez8YgDsDjUzTs/1mGCIjV7dfY+WcHm3bjog8SyXBQZM8lXtoVAnFnD\n"
	"mAVjh5Z64jToBRYuiJPtv6QJQNvvbcBf0RXHDc8CkWyan52nLhnSu++x9JYU6a9o\n"
	"HI9fQw4GSYAztpDPYj1F6ordfEOflIAFbb1rpsFyh8PCk9Km0J3Txs3/EAWUMGU4\n"
	"hQIDAQABo2YwZDASBgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwICBDAd\n"
	"BgNVHQ4EFgQU0XE4eBVhBNebN6HGuYtiqjyjIjwwHwYDVR0jBBgwFoAUHDwNYIia\n"
	"ny5vISd9qNttm8TY0dkwDQYJKoZIhvcNAQELBQADggEBAKYRVzFVSbbmn75zhm9S\n"
	"grxW5ZGOqTrottGy9MzLRGLIfdr//obvjVGrGjOvn7PgefDK0hYZb79NX5KxV1Xt\n"
	"zkwBWfpslml7vcOEc+7kie7ogE0QqK4PsGuIxQyV16tFYEjdHcLzFshPxZZAWZ96\n"
	"EfBMG+5TLStqemB0938HZflIjBj7FvQ14fZ9mvw+2ud9PHFrSFouKJ8sG2Nvbb08\n"
	"EnhCeuQM0I4I8zz1Kua5xh1EmEJ2B1uRZW8x9+YO+JGKfyW1xOTDNdt5ihg5bNDB\n"
	"V7BhwDxpEga5GSkTamHbNUvRQvmxqhitlE6AhFurPlfsoUFOAsHfftbivYIkGS8n\n"
	"vBQ=\n"
	"-----END CERTIFICATE-----\n";
static const char golden_signer[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIDYDCCAkigAwIBAgIUD5iS7FxHM2PsfdgKwxfkWD6TamAwDQYJKoZIhvcNAQEL\n"
	"BQAwOTEYMBYGA1UECgwPRXhhbXBsZSBTaWduaW5nMR0wGwYDVQQDDBRFeGFtcGxl\n"
	"IEludGVybWVkaWF0ZTAgFw0yNjExMjIxNjU3NDlaGA8yMTI2MTAyOTE2NTc0OVow\n"
	"NzEcMBoGA1UECgwTRXhhbXBsZSBDb3Jwb3JhdGlvbjEXMBUGA1UEAwwObm90aWZ5\n"
	"LmV4YW1wbGUwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC8Hc5Jwiru\n"
	"/mVtJrNhzTUn3tPIBuRFIf60Jlxd1uuFVZb4Xf9hoTFCQHUrRv9uphkPtXkN/Toz\n"
	"9FOqaj7B2eR6eCu2vKL5yOaS51RVlyZpnExLIYwCUtqFhaNix/u8liLuaTlIaZJ1\n"
	"OLRICHWS/l56Ja+4rtVwsrqoWD82p8lYbti/nwNe+gD0IwtCjCLX7VlovlWfSohm\n"
	"QKmNtzX7T677zVFleuYp0tQjVIn2VTLdrk+zzJDGvpl5ysSWzYbxz+r0n2G+ZuMX\n"
	"LlMPbChh6MOCeyXtrteNLWlRO7QFZ8tjwIh1lUekAASk9cb7JDy5LxWZ4SDopD4o\n"
	"j0kgJ0mJj4DPAgMBAAGjYDBeMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeA\n"
	"MB0GA1UdDgQWBBTAC0QdjAm2fMmlRjTmqY0v6ebfDjAfBgNVHSMEGDAWgBTRcTh4\n"
	"FWEE15s3oca5i2KqPKMiPDANBgkqhkiG9w0BAQsFAAOCAQEAFw5u/6lsiJH0OsaG\n"
	"EnsbbRStijjn6FvkUuzYzQMbVhGHpViW149V0niJaa8F+QiXU8dLeJjyjOL5Bd0b\n"
	"NEgorxbSg8BgkPBlR1WN5Jm6CkJqZESuH6aa/GEsHA81MdTBYQaXAfC2qDAXpDKp\n"
	"dfdD/V+drCib1TjF8U4H0TNrZOsW5XIoaUELvznNvrDClabjttfnP+ZMrVpcXOd9\n"
	"gtFvkG7lgbVGg8TxNSXINFC1iDQhhZumY7+vEWzh6WSE9brl+hg5VBZuxrFoa6Nm\n"
	"vxq/tf7oM/qcZeuiHAXvWxCwOmLfMh5OqK279IxOVOtD6s8V6yoWytWT2HlK466k\n"
	"62nR+w==\n"
	"-----END CERTIFICATE-----\n";
static const char golden_body[] = "{\"EventName\":\"test-created\","
				  "\"ResourceUri\":\"https://api.example/validationEvents/1\"}";
static const char golden_rs256[] =
	"a63jGMFnhvwpH+6uQGhkvXcdJfcb0CqnaPqvYkYWvPeu/nk+YmbrBoI7xcFo9bS1RLZHkO6bGPQH"
	"iDdZuS0/ySdJ4Ond5kvsQR3Tm3X8NdIRLXoqSaA2R31gBt9w84EOvmThUuA3T2+Xhs9u1u+tlHFU"
	"0lvkO1JyTaMm8wwqrFK7Jor3H4C3tE18uXiPn/MwoSIvt3Y1nJAlokpAVBVicyhz0QFcw8jOKpoq"
	"gvKqMrulk2BQF8YlUI/J6hjTPJoCBzKoU9S5LIdCO9AuqdvUcfyCH51VuLOXhkBPFZb0By2lxjca"
	"Xi14CRK3Xi7mM2D6pheBBMbH/67/V1V2LJ+Bxw==";
static const char golden_ps256[] =
	"dQPeT+Skv1Hmn3bkized28JMrLOplS4Jlc4D8qI+hGo2/XU0B7VNefcR9e7KmQMclzMwiaWLcDa1"
	"iO2PmhIMBwpwP+dWRiICDvhoAbpv0TUWsB8BsdQoMv6026cfvkvKkUDS6ZNCEJY7u1g7PwTrdZXS"
	"U4ofD0qbomTou7UblYy9155jXHPgkVfV8HfZn5ZC6ZU+ySJokSx4lK6fLV2ZfCWBXTJDulSb4tX7"
	"bo+JmeOR8dCdSh6Yh1EjDLic5qp7GqsoT4acDpL35zIOevwlR+v8/R0LIiTPRQPGI2ZN/hspJblD"
	"tSNw/WkYx0GKwSHjeynRiCega3gcYAZLeyQJ3g==";
static const char golden_sha1[] = "287e344d215a8832e9c6d801f8a0623d47bb4f17";
static const char golden_sha256[] =
	"7a32a5b4af745acf12d3b29896029d97dc1ccda0cdcd34bd1bc3a0cdc6067ef6";
#define GOLDEN_ORGANIZATION "Example Corporation"
#define GOLDEN_NOT_AFTER_MS INT64_C(4948966669000)

#endif
