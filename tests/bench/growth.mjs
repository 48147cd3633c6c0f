// The same load on a stack with few homes and events, and on one with many, in turns.
import { makeRig, median, rate } from "./rig.mjs";

const SECONDS = 2;
/* More than the batches of all processes hold: with few homes they wait for each other, and nobody else should. */
const CONNECTIONS = 128;

/** Stored events of the last week, spread over the homes. */
async function makeEvents(rig, count, homes) {
	await rig.stack.psql(`SET search_path = switchboard; INSERT INTO event (installation_id, event_time, event_id, event_type, device_id, component, capability, attribute, value)
		SELECT 'bench-' || lpad((n % ${homes})::text, 6, '0'), date_trunc('second', now() - interval '6.5 days' * n / ${count}),
			gen_random_uuid(), 'DEVICE_EVENT', 'lamp-' || n % 2, 'main', 'switch', 'switch',
			CASE n % 3 WHEN 0 THEN '"on"' ELSE '"off"' END::jsonb
		FROM generate_series(1, ${count}) AS n ON CONFLICT DO NOTHING`);
	await rig.stack.psql("VACUUM ANALYZE");
	await rig.stack.psql("CHECKPOINT");
}

async function measure(rig, homes, expected) {
	const file = await rig.sign(Math.round(expected * SECONDS * 2), { homes, devices: 2 });
	const webhook = await rig.load(file, { connections: CONNECTIONS, seconds: SECONDS });
	const page = await rig.load(rig.requests("pages", Array.from({ length: Math.min(homes, 1000) }, (_, i) => rig.get(i, "/"))),
		{ connections: 4, seconds: 1, again: true });

	return { webhook: webhook.rate, page: page.p50 };
}

export async function growth(_, { long, rounds }, table) {
	const sizes = [{ homes: 10, events: 1e4 }, { homes: 1e3, events: 1e6 }, { homes: 1e5, events: long ? 1e7 : 1e6 }];
	const rigs = [];

	try {
		for (const size of sizes) {
			const rig = await makeRig({ homes: size.homes, devices: 2 });

			rigs.push({ ...size, rig, found: [] });
			await makeEvents(rig, size.events, size.homes);
			await measure(rig, size.homes, 500); // caches
		}
		for (let i = 0; i < rounds; i++) {
			for (const { rig, homes, found } of rigs)
				found.push(await measure(rig, homes, found.at(-1)?.webhook ?? 2000));
		}
	} finally {
		for (const { rig } of rigs)
			await rig.stop();
	}
	const of = ({ found }, pick) => median(found.map(pick));
	const base = rigs[1];

	for (const size of rigs) {
		const name = `${size.homes} homes, ${size.events.toExponential(0).replace("e+", "e")} events`;

		table.add(`webhooks: ${name} / ${base.homes} homes`, of(size, ({ webhook }) => webhook) / of(base, ({ webhook }) => webhook), "≥ 0.8",
			rate(of(size, ({ webhook }) => webhook)));
		table.add(`page time: ${name} / ${base.homes} homes`, of(size, ({ page }) => page) / of(base, ({ page }) => page), "≤ 1.2",
			`${Math.round(of(size, ({ page }) => page))} µs`);
	}
}
