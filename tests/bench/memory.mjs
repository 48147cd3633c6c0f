// Resident memory of each program: idle, after a quarter of the requests, and at the end.
const PROGRAMS = ["webhook.fcgi", "dashboard.fcgi", "oauth.fcgi", "switchboard-events", "switchboard-worker"];
const largest = (rig, name) => Math.max(...rig.resident(name));

/** "count" webhooks, signed in parts so that no signature is older than 300 s. */
async function webhooks(rig, count) {
	for (let left = count; left > 0; left -= 20000)
		await rig.load(await rig.sign(Math.min(left, 20000)), { connections: 16, seconds: 250 });
}

async function pages(rig, count) {
	const file = rig.requests("memory-pages", Array.from({ length: Math.min(count, 20000) }, (_, i) => rig.get(i % 500, i % 3 ? "/" : "/api/switches")));

	for (let left = count; left > 0; left -= 20000)
		await rig.load(file, { connections: 16, seconds: 250 });
}

async function starts(rig, count) {
	const file = rig.requests("memory-starts", Array.from({ length: Math.min(count, 20000) }, () => rig.get(0, "/oauth/start")));

	for (let left = count; left > 0; left -= 20000)
		await rig.load(file, { connections: 16, seconds: 250, any: true });
}

export async function memory(rig, { long }, table) {
	const count = long ? 200000 : 20000;
	const work = { "webhook.fcgi": webhooks, "dashboard.fcgi": pages, "oauth.fcgi": starts };
	const idle = Object.fromEntries(PROGRAMS.map((name) => [name, largest(rig, name)]));

	for (const name of PROGRAMS) {
		if (!work[name]) {
			table.note(`memory of ${name}`, `${idle[name]} KB before, ${largest(rig, name)} KB after`);
			continue;
		}
		await work[name](rig, count / 4);
		const quarter = largest(rig, name);

		await work[name](rig, count * 3 / 4);
		table.add(`memory of ${name}, end / a quarter`, largest(rig, name) / quarter, "≤ 1.05",
			`${idle[name]} KB idle, ${quarter} KB after ${count / 4} requests, ${largest(rig, name)} KB after ${count}`);
	}
}
