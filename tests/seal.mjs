// Sealed tokens, implemented here once more (src/formats/seal.h has the format).
import crypto from "node:crypto";

/** Seal a text under a key { id, key (32 bytes) }, bound to "context". */
export function seal({ id, key }, context, text) {
	const nonce = crypto.randomBytes(12);
	const cipher = crypto.createCipheriv("aes-256-gcm", key, nonce);

	cipher.setAAD(Buffer.from(context));
	return Buffer.concat([Buffer.from([1, id.length]), Buffer.from(id), nonce, cipher.update(text), cipher.final(),
		cipher.getAuthTag()]);
}
