// Clicks while the worker's queue is short, and while it is long: most of it for later, much due, much that cannot be done.
import { readFileSync } from "node:fs";
import { environmentOf } from "../processes.mjs";
import { seal } from "../seal.mjs";
import { account, clicks } from "./command.mjs";
import { installation, makeRig, median, ms } from "./rig.mjs";

const MANY = 1e5;
const PART = 2e4; // so many are due, and as many dead

/** Nanoseconds of processor time that the worker and its connections have used. */
async function workerTime(rig) {
	const backends = (await rig.stack.psql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'switchboard-worker%'")).split("\n");

	return [...rig.stack.pids("switchboard-worker"), ...backends].reduce((sum, pid) =>
		sum + Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]), 0);
}

/** Tokens of the due ones: the platform never answers their refreshes, so that they stay due. */
async function makeDue(rig) {
	const environment = environmentOf(rig.stack.pids("switchboard-worker")[0]);
	const [id, key] = (environment.SWITCHBOARD_SEAL_KEYS ?? readFileSync(environment.SWITCHBOARD_SEAL_KEYS_FILE, "utf8")).split("\n")[0].split(":");
	const row = (n) => {
		const [access, refresh] = ["access", "refresh"].map((which) =>
			`'\\x${seal({ id, key: Buffer.from(key, "base64") }, `token:${installation(n)}:${which}`, which).toString("hex")}'`);

		return `('${installation(n)}', ${access}, ${refresh}, '${id}', now(), now() + interval '1 day')`;
	};

	await rig.stack.control("POST", "faults", { path: "/oauth/token", action: "hang", count: 1e6 });
	for (let n = 0; n < PART; n += 100)
		await rig.stack.psql(`SET search_path = switchboard;
			INSERT INTO token (installation_id, access_sealed, refresh_sealed, seal_key_id, expires_at, refresh_expires_at)
			VALUES ${Array.from({ length: 100 }, (_, i) => row(n + i)).join()}`);
}

/** The first are due, the next dead, the rest for later. */
async function makeQueue(rig) {
	await makeDue(rig);
	await rig.stack.psql(`SET search_path = switchboard; INSERT INTO work (installation_id, kind, priority, run_at, waits_for)
		SELECT 'bench-' || lpad(n::text, 6, '0'), k.kind, 2,
			CASE WHEN n < ${PART} AND k.kind = 'refresh' THEN now() - interval '1 hour' ELSE now() + interval '1 hour' + random() * interval '1 day' END,
			CASE WHEN n >= ${PART} AND n < ${2 * PART} THEN 'link' END
		FROM generate_series(0, ${MANY - 1}) AS n, unnest(ARRAY['device_sync', 'subscription_sync', 'refresh']) AS k (kind)
		ORDER BY random(); SELECT wake('switchboard_work', '')`);
	await rig.stack.psql("VACUUM ANALYZE");
}

async function measure(rig, person) {
	const before = await workerTime(rig);
	const times = await clicks(rig, person);

	return { wait: median(times), cost: (await workerTime(rig) - before) / times.length / 1000 };
}

export async function queue(_, { rounds }, table) {
	const rigs = [];

	try {
		for (const installations of [10, MANY]) {
			const rig = await makeRig({ installations, devices: 2 });

			rigs.push({ rig, found: [] });
			rigs.at(-1).person = await account(rig, "Bench", 25);
			if (installations === MANY)
				await makeQueue(rig);
			await measure(rig, rigs.at(-1).person); // caches
		}
		for (let i = 0; i < rounds; i++)
			for (const { rig, person, found } of rigs)
				found.push(await measure(rig, person));
	} finally {
		for (const { rig } of rigs)
			await rig.stop();
	}
	const [few, many] = rigs.map(({ found }) => ({ wait: median(found.map(({ wait }) => wait)), cost: median(found.map(({ cost }) => cost)) }));
	const name = `${MANY} installations, ${PART} due, ${PART} dead / 10`;

	table.add(`worker's time per click: ${name}`, many.cost / few.cost, "≤ 1.2", `${Math.round(many.cost)} of ${Math.round(few.cost)} µs, with its connections`);
	table.add(`click to call: ${name}`, many.wait / few.wait, "≤ 1.2", `${ms(many.wait * 1000)}, ${ms(few.wait * 1000)}`);
}
