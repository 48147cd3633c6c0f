// Webhooks with one defect each in the digest, the date, the signed headers or the keyId: 401, nothing stored, and
// the next good one is stored.
import { createHash } from "node:crypto";
import { test } from "node:test";
import { attackStack } from "./hostile.mjs";

const target = attackStack();

// ---- wrong digests with a valid signature ----

const hash = (body, algorithm = "sha256", encoding = "base64") => createHash(algorithm).update(body).digest(encoding);
const DIGESTS = {
	"an empty digest": () => "",
	"a digest without a value": () => "SHA-256=",
	"a digest without an algorithm": (body) => hash(body),
	"a digest with a colon": (body) => `SHA-256:${hash(body)}`,
	"a digest in hexadecimal": (body) => `SHA-256=${hash(body, "sha256", "hex")}`,
	"a digest in quotes": (body) => `SHA-256="${hash(body)}"`,
	"a digest with rubbish behind it": (body) => `SHA-256=${hash(body)} x`,
	"a digest with a second one behind it": (body) => `SHA-256=${hash(body)},MD5=${hash(body, "md5")}`,
	"a digest with a second one before it": (body) => `MD5=${hash(body, "md5")},SHA-256=${hash(body)}`,
	"a digest by MD5": (body) => `MD5=${hash(body, "md5")}`,
	"a digest by SHA-1": (body) => `SHA=${hash(body, "sha1")}`,
	"a digest by SHA-512": (body) => `SHA-512=${hash(body, "sha512")}`,
	"a digest by SHA-512 under the name of SHA-256": (body) => `SHA-256=${hash(body, "sha512")}`,
	"a digest of 31 bytes": (body) => `SHA-256=${createHash("sha256").update(body).digest().subarray(0, 31).toString("base64")}`,
	"a digest of 33 bytes": (body) => `SHA-256=${Buffer.concat([createHash("sha256").update(body).digest(), Buffer.alloc(1)]).toString("base64")}`,
	"a digest of another body": (body) => `SHA-256=${hash(`${body} `)}`,
	"a digest of an empty body": () => `SHA-256=${hash("")}`,
	"a digest of 8 KB": () => `SHA-256=${"A".repeat(8192)}`,
};

for (const [name, digest] of Object.entries(DIGESTS)) {
	target.survives(`${name} is 401`, async () => {
		const body = target.fresh();

		await target.refuses(target.sign(body, { digest: digest(body) }), { body });
	});
}

target.survives("another body with the signature of a good webhook is 401", async () => {
	const body = target.fresh("on");
	const headers = target.sign(body);

	for (const another of [body.replace('"on"', '"off"'), `${body} `, ` ${body}`, body.slice(0, -1), "{}"])
		await target.refuses(headers, { body: another });
});

// ---- wrong dates with a valid signature ----

const at = (s) => new Date(Date.now() + s * 1000);
const DATES = {
	"an empty date": () => "",
	"a date of six minutes ago": () => at(-360).toUTCString(),
	"a date in six minutes": () => at(360).toUTCString(),
	"a date of yesterday": () => at(-86400).toUTCString(),
	"a date of last year": () => at(-366 * 86400).toUTCString(),
	"a date of 1970": () => new Date(0).toUTCString(),
	"a date of the year 9999": () => "Fri, 31 Dec 9999 23:59:59 GMT",
	"a date of the year 99999": () => at(0).toUTCString().replace(/ \d{4} /, " 99999 "),
	"a date of the year 0000": () => at(0).toUTCString().replace(/ \d{4} /, " 0000 "),
	"a date of this minute in another zone": () => at(0).toUTCString().replace("GMT", "CET"),
	"a date with an offset": () => at(0).toUTCString().replace("GMT", "+0000"),
	"a date without a zone": () => at(0).toUTCString().replace(" GMT", ""),
	"a date as ISO 8601": () => at(0).toISOString(),
	"a date in seconds since 1970": () => String(Math.floor(Date.now() / 1000)),
	"a date with a day of 32": () => at(0).toUTCString().replace(/, \d\d/, ", 32"),
	"a date with a month of no year": () => at(0).toUTCString().replace(/ [A-Z][a-z]{2} /, " Foo "),
	"a date with an hour of 24": () => at(0).toUTCString().replace(/ \d\d:/, " 24:"),
	"a date with a minus": () => at(0).toUTCString().replace(/, \d/, ", -"),
	"a date with rubbish behind it": () => `${at(0).toUTCString()} x`,
	"two dates in one header": () => `${at(0).toUTCString()}, ${at(0).toUTCString()}`,
	"a date of 8 KB": () => `${at(0).toUTCString()}${" ".repeat(10)}${"0".repeat(8192)}`,
};

for (const [name, date] of Object.entries(DATES)) {
	target.survives(`${name} is 401`, async () => {
		const body = target.fresh();

		await target.refuses(target.sign(body, { date: date() }), { body });
	});
}

target.survives("a date that differs from the signed one is 401", async () => {
	const body = target.fresh();

	await target.refuses({ ...target.sign(body), Date: at(-5).toUTCString() }, { body });
});

// ---- which headers are signed, and headers that are missing or repeated ----

const SIGNED_HEADERS = {
	"the target alone is signed": { names: ["(request-target)"] },
	"the digest is not signed": { names: ["(request-target)", "date"] },
	"the date is not signed": { names: ["(request-target)", "digest"] },
	"the target is not signed": { names: ["digest", "date"] },
	"(created) stands for the date": { names: ["(request-target)", "digest", "(created)"], more: { "(created)": "1" } },
	"a header is signed that was not sent": { names: ["(request-target)", "digest", "date", "x-gone"], more: { "x-gone": "" } },
	"a header is signed that the web server makes": { names: ["(request-target)", "digest", "date", "x-real-ip"],
		more: { "x-real-ip": "127.0.0.1" } },
	"a header with an underscore is signed": { names: ["(request-target)", "digest", "date", "content_type"],
		more: { content_type: "application/json" } },
	"a parameter that is no header is signed": { names: ["(request-target)", "digest", "date", "_"], more: { _: "" } },
};

for (const [name, options] of Object.entries(SIGNED_HEADERS)) {
	target.survives(`${name}: 401`, async () => {
		const body = target.fresh();

		await target.refuses(target.sign(body, options), { body });
	});
}

const REPEATED = {
	"no Authorization": [{ Authorization: undefined }, 401],
	"no Digest": [{ Digest: undefined }, 401],
	"no Date": [{ Date: undefined }, 401],
	"Digest twice": [{ Digest: (value) => [value, value] }, 401],
	"Digest twice, the second another": [{ Digest: (value) => [value, "SHA-256=AAAA"] }, 401],
	"Date twice": [{ Date: (value) => [value, value] }, 401],
	"Date twice, the first another": [{ Date: (value) => [new Date(0).toUTCString(), value] }, 401],
	// nginx itself refuses a repeated Authorization header.
	"Authorization twice": [{ Authorization: (value) => [value, value] }, 400],
	"Authorization twice, the first another": [{ Authorization: (value) => ["Signature x", value] }, 400],
	"Authorization of 40 KB": [{ Authorization: (value) => `${value},x="${"y".repeat(40000)}"` }, 400],
	"an empty Authorization": [{ Authorization: () => "" }, 401],
};

for (const [name, [changes, status]] of Object.entries(REPEATED)) {
	target.survives(`${name}: ${status}`, async () => {
		const body = target.fresh();
		const headers = target.sign(body);

		for (const [header, change] of Object.entries(changes)) {
			if (change === undefined)
				delete headers[header];
			else
				headers[header] = change(headers[header]);
		}
		await target.refuses(headers, { body, status });
	});
}

// ---- the keyId ----

const KEY_IDS = {
	"climbs": "/own/../own/key-1", "stays by a dot": "/own/./key-1", "stays by two dots": "/own/././key-1", "ends in a dot": "/own/key-1/.",
	"ends in a slash": "/own/key-1/", "climbs at once": "/../own/key-1", "climbs at the end": "/own/key-1/..", "is a dot": "/.",
	"is two dots": "/..", "is a slash": "/", "has two slashes": "/own//key-1", "begins with two slashes": "//evil.example/own/key-1",
	"is an address": "https://evil.example/own/key-1", "is an address behind a slash": "/https://evil.example/own/key-1",
	"makes the key server a user": "@evil.example/own/key-1", "makes it a user behind a slash": "/@evil.example/own/key-1",
	"makes it a password": ":x@evil.example/own/key-1", "makes it a part of another host": ".evil.example/own/key-1",
	"adds a port": ":1/own/key-1", "adds digits to the port": "0/own/key-1", "has no slash": "own/key-1", "has a query": "/own/key-1?x=1",
	"has a fragment": "/own/key-1#x", "has a matrix": "/own/key-1;x", "climbs in escapes": "/own/%2e%2e/own/key-1",
	"has an escaped slash": "/own%2fkey-1", "has an escaped NUL": "/own/key-1%00", "has backslashes": "\\\\own\\\\key-1",
	"climbs by backslashes": "/own/..\\\\own/key-1", "has a blank": "/own/key 1", "ends in a blank": "/own/key-1 ", "has a tab": "/own/key\t1",
	"is hidden": "/.own/key-1", "begins with a minus": "/-own/key-1", "has letters beyond ASCII": "/own/k\u00e9y-1",
	"has brackets": "/own/{key-1,key-2}", "has a range": "/own/key-[1-2]", "has a quote": "/own/key-1\\\"", "has SQL in it": "/own/key-1'--",
	"has 202 characters": `/${"a".repeat(201)}`, "has 4 000 characters": `/${"a".repeat(4000)}`,
};

for (const [name, keyId] of Object.entries(KEY_IDS)) {
	target.survives(`a keyId that ${name} is 401, and nothing is fetched`, async () => {
		const body = target.fresh();

		await target.refuses(target.sign(body, { keyId }), { body });
	});
}

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
