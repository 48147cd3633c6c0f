// Reads all values every second, so that the page shows what commands changed,
// and sends forms without a reload.
"use strict";

const SECOND = 1000;

function selectorOf(deviceId, component) {
	return `[data-device-id="${CSS.escape(deviceId)}"][data-component="${CSS.escape(component)}"]`;
}

function showSwitch(button, value) {
	const known = value === "on" || value === "off";

	button.setAttribute("aria-pressed", known ? String(value === "on") : "mixed");
	button.value = value === "on" ? "off" : "on";
	button.querySelector(".state").textContent = known ? value : "?";
}

function showLevel(slider, level) {
	slider.value = level;
	slider.form.querySelector("output").textContent = `${level} %`;
}

function showDevice(device) {
	const tile = document.getElementById(`device-${device.deviceId}`);
	const plug = tile.querySelector(".plug");

	tile.dataset.health = device.health;
	plug.value = device.health === "ONLINE" ? "OFFLINE" : "ONLINE";
	plug.textContent = device.health === "ONLINE" ? "Take offline" : "Bring online";
	for (const [component, capabilities] of Object.entries(device.status)) {
		const where = selectorOf(device.deviceId, component);
		const button = tile.querySelector(`button.rocker${where}`);
		const slider = tile.querySelector(`input${where}`);

		if (button && capabilities.switch)
			showSwitch(button, capabilities.switch.switch.value);
		if (slider && slider !== document.activeElement && capabilities.switchLevel)
			showLevel(slider, capabilities.switchLevel.level.value);
	}
}

async function refresh() {
	const answer = await fetch("/page.json", { cache: "no-store" });
	const current = await answer.json();

	if (current.layout !== document.body.dataset.layout) {
		location.reload();
		return;
	}
	current.devices.forEach(showDevice);
}

async function send(form, submitter) {
	const fields = new URLSearchParams(new FormData(form));

	if (submitter && submitter.name)
		fields.set(submitter.name, submitter.value);
	await fetch(form.action, { method: "POST", body: fields, redirect: "manual" });
	await refresh();
}

function markFailure(promise) {
	promise.catch(() => document.body.classList.add("away"));
}

document.addEventListener("submit", (event) => {
	if (event.target.classList.contains("installed"))
		return;
	event.preventDefault();
	markFailure(send(event.target, event.submitter));
});

document.addEventListener("change", (event) => {
	if (event.target.type === "range") {
		markFailure(send(event.target.form, null));
		event.target.blur();
	}
});

document.addEventListener("input", (event) => {
	if (event.target.type === "range")
		showLevel(event.target, event.target.value);
});

async function follow() {
	try {
		await refresh();
		document.body.classList.remove("away");
	} catch {
		document.body.classList.add("away");
	}
	setTimeout(follow, SECOND);
}

document.body.classList.add("live");
follow();
