// The status page: asks for status.json, and shows it. All that it shows is set as text.
"use strict";

const EVERY = 2000, WHILE_HIDDEN = 30000, PATIENCE = 5000; // ms
const UNKNOWN = "–";
const PREFIXES = ["", "k", "M", "G", "T", "P", "E"];
const FEWEST = 12; // moments that a chart is wide at least
const ALMOST = 0.9; // of a limit

const byId = (id) => document.getElementById(id);

// --- numbers as texts ---

// 1234567 is 1.2 M; what has no unit is told exactly for longer.
function amount(number, unit = "") {
	let power = 0;

	if (!Number.isFinite(number))
		return UNKNOWN;
	for (; Math.round(number) >= (power > 0 || unit ? 1000 : 100000); power++)
		number /= 1000;
	const text = number.toFixed(Number.isInteger(number) || number >= 99.95 ? 0 : 1);
	return `${text} ${PREFIXES[power]}${unit}`.trim();
}

function duration(seconds) {
	const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
	const first = Math.max(units.findIndex(([, size]) => seconds >= size), 0);
	const parts = [];

	for (const [name, size] of seconds >= 1 ? units.slice(first, first + 2) : []) {
		if (seconds >= size)
			parts.push(`${Math.floor(seconds / size)} ${name}`);
		seconds %= size;
	}
	return parts.join(" ") || "0 s";
}

const moment = (text) => text ? text.replace("T", " ").replace("Z", " UTC") : UNKNOWN;

const sum = (value) => value === undefined ? 0 : typeof value === "number" ? value
	: Object.values(value).reduce((all, each) => all + each, 0);

const plural = (count, word) => `${amount(count)} ${word}${count === 1 ? "" : "s"}`;

// --- elements ---

function set(element, text, className = "") {
	if (element.textContent !== text)
		element.textContent = text;
	if (element.className !== className)
		element.className = className;
}

function add(parent, name, className = "") {
	const element = parent.namespaceURI.endsWith("svg") || name === "svg"
		? document.createElementNS("http://www.w3.org/2000/svg", name)
		: document.createElement(name);

	if (className)
		element.setAttribute("class", className);
	return parent.appendChild(element);
}

function resize(parent, count, name) {
	while (parent.children.length > count)
		parent.lastElementChild.remove();
	while (parent.children.length < count)
		add(parent, name);
}

// Rows of texts, or of [text, class]; elements that there are stay, and so does what is selected.
function fill(id, rows) {
	const table = byId(id), heads = table.tHead ? table.tHead.rows[0].cells : [];

	resize(table.tBodies[0], Math.max(rows.length, 1), "tr");
	(rows.length > 0 ? rows : [["none"]]).forEach((cells, y) => {
		const row = table.tBodies[0].rows[y];

		if (row.cells.length === 0)
			add(row, "th").scope = "row";
		resize(row, cells.length, "td");
		cells.forEach((cell, x) => {
			if (heads[x])
				row.cells[x].dataset.label = heads[x].textContent;
			set(row.cells[x], ...[cell].flat());
		});
	});
}

// --- tiles ---

class Tile {
	constructor(title, unit) {
		const tile = add(byId("tiles"), "div", "tile");

		this.unit = unit;
		this.values = [];
		this.back = null; // the moment that is read: how many before the last
		add(tile, "h2").textContent = title;
		this.number = add(tile, "p", "number");
		this.more = add(tile, "p", "more");
		this.bar = add(tile, "div", "bar");
		this.filled = add(this.bar, "i");
		this.chart = add(tile, "svg");
		this.area = add(this.chart, "path", "area");
		this.curve = add(this.chart, "path", "curve");
		this.cursor = add(this.chart, "path", "cursor");
		const scale = add(tile, "p", "scale");
		this.when = add(scale, "span");
		this.peak = add(scale, "span");
		this.number.textContent = UNKNOWN;
		this.listen(title);
	}

	// A chart is read by pointer and keys, as a slider is set.
	listen(title) {
		const chart = this.chart, keys = { ArrowLeft: 1, ArrowRight: -1, Home: Infinity, End: -Infinity };
		const attributes = { tabindex: 0, role: "slider", "aria-label": `${title}, as it was`,
			"aria-valuemin": 0, preserveAspectRatio: "none" };

		for (const name in attributes)
			chart.setAttribute(name, attributes[name]);
		chart.addEventListener("pointermove", (event) => {
			const box = chart.getBoundingClientRect();
			this.read(Math.round(this.span * (1 - (event.clientX - box.left) / box.width)));
		});
		chart.addEventListener("keydown", (event) => {
			if (event.key in keys) {
				event.preventDefault();
				this.read((this.back ?? -1) + keys[event.key]);
			} else if (event.key === "Escape") {
				this.read(null);
			}
		});
		for (const name of ["pointerleave", "blur"])
			chart.addEventListener(name, () => this.read(null));
	}

	show(number, more, values, every, now) {
		set(this.number, amount(number, this.unit), "number");
		set(this.more, more, "more");
		this.values = values;
		this.every = every;
		this.now = now;
		this.draw();
	}

	// So much of a limit.
	fill(share) {
		this.bar.className = "bar limit";
		this.filled.className = share >= ALMOST ? "warn" : "";
		this.filled.style.width = `${(Math.min(share, 1) * 100).toFixed(1)}%`;
	}

	draw() {
		const count = this.values.length, highest = Math.max(0, ...this.values);
		const y = (value) => highest ? Math.round(1000 - 1000 * value / highest) / 10 : 100;

		this.span = Math.max(count, FEWEST) - 1;
		const points = this.values.map((value, i) => `${this.span + 1 - count + i},${y(value)}`).join("L");
		this.chart.setAttribute("viewBox", `0 0 ${this.span} 100`);
		this.curve.setAttribute("d", count ? `M${points}` : "");
		this.area.setAttribute("d", count ? `M${this.span + 1 - count},100L${points}L${this.span},100Z` : "");
		this.highest = highest;
		this.read(this.back);
	}

	read(back) {
		const last = this.values.length - 1;
		const isRead = back !== null && last >= 0;

		this.back = isRead ? Math.min(Math.max(back, 0), last) : null;
		const at = last - this.back;
		this.cursor.setAttribute("d", isRead ? `M${this.span - this.back},0V100` : "");
		set(this.when, isRead ? this.time() : last < 0 ? "" : `last ${this.length()}`);
		set(this.peak, last < 0 ? "" : isRead ? amount(this.values[at], this.unit)
			: `peak ${amount(this.highest, this.unit)}`);
		this.chart.setAttribute("aria-valuemax", Math.max(last, 0));
		this.chart.setAttribute("aria-valuenow", Math.max(at, 0));
		this.chart.setAttribute("aria-valuetext", `${this.when.textContent}: ${this.peak.textContent}`);
	}

	// In minutes.
	length() {
		return duration(Math.round((this.span + 1) * this.every / 60) * 60);
	}

	time() {
		const when = new Date(Date.parse(this.now) - this.back * this.every * 1000);
		return when.toISOString().slice(11, 19) + " UTC";
	}
}

const open = new Tile("connections open", "");
const echoed = new Tile("echoed a second", "B");
const accepted = new Tile("new connections a second", "");
const unserved = new Tile("refused and dropped a second", "");

function showTiles(told) {
	const history = told.history, totals = told.totals, rates = told.rates;
	const each = (list) => list.slice(1).map((value, i) => Math.max(0, value - list[i]) / history.every);
	const both = each(history.refused).map((value, i) => value + each(history.dropped)[i]);
	const when = [history.every, told.now];

	open.show(totals.connections_open, `of ${amount(told.connections_limit)}`, history.open, ...when);
	open.fill(totals.connections_open / told.connections_limit);
	echoed.show(rates.sent_bytes ?? NaN, rates.answered ? plural(rates.answered, "datagram") : "",
		each(history.sent_bytes), ...when);
	accepted.show(rates.accepted ?? NaN, `${amount(totals.connections_accepted)} in all`,
		each(history.accepted), ...when);
	unserved.show(rates.refused === null ? NaN : rates.refused + rates.dropped,
		`${amount(sum(totals.connections_refused) + sum(totals.datagrams_dropped))} in all`, both, ...when);
}

// --- tables ---

let before = null; // what was told last, and when: a rate is between two

// What was counted a second, by `count` of what was told.
function rate(told, count) {
	if (before === null)
		return NaN;
	const then = count(before.told), change = count(told) - then;
	return then === undefined || change < 0 ? NaN : change * 1000 / (told.at - before.at);
}

function listenerRow(told, listener) {
	const count = (of) => rate(told, (one) =>
		of(one.listeners.find((each) => each.name === listener.name) ?? {}));
	const isStream = listener.connections_open !== undefined;

	return [
		listener.name, listener.uris.join("\n"),
		isStream ? amount(listener.connections_open) : "",
		amount(count((one) => isStream ? one.connections_accepted : one.datagrams_received)),
		amount(count((one) => one.sent_bytes), "B"), amount(listener.sent_bytes, "B"),
		amount(sum(listener.connections_refused) + sum(listener.datagrams_dropped)),
		listener.accepting ? "serving" : ["paused", "warn"],
	];
}

function showReasons(totals) {
	const refused = totals.connections_refused, dropped = totals.datagrams_dropped;
	const count = (reason) => (refused[reason] ?? 0) + (dropped[reason] ?? 0);
	const names = [...new Set([...Object.keys(refused), ...Object.keys(dropped)])];
	const number = (value) => value === undefined ? "" : amount(value);
	// Those of TLS say which.
	const ended = Object.entries({ ...totals.connections_closed, tls: 0, ...totals.tls_faults })
		.filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]);

	fill("unserved", names.sort((a, b) => count(b) - count(a)).map((name) =>
		[name, number(refused[name]), number(dropped[name])]));
	fill("ended", ended.map(([reason, value]) => [reason, amount(value)]));
}

function percent(share) {
	return Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : UNKNOWN;
}

function showWorkers(told) {
	fill("workers", told.workers.map((worker, i) => [
		worker.hangs ? [`${i} hangs`, "warn"] : String(i), amount(worker.connections_open), amount(worker.blocked_connections),
		percent(rate(told, (one) => one.workers[i]?.cpu_seconds)),
		`${amount(worker.heartbeat_age_seconds)} s`,
	]));
}

function showProcess(told) {
	const process = told.process;

	fill("process", [
		["pid", String(told.pid)], ["started", moment(told.started)],
		["events", told.event_method],
		["CPU", percent(rate(told, (one) => one.process.cpu_seconds))],
		["memory", amount(process.resident_memory_bytes, "B")],
		["descriptors", `${amount(process.open_fds)} of ${amount(process.max_fds)}`],
	]);
}

// --- all of it ---

function showState(text, problems, className) {
	const list = byId("problems");

	set(byId("state"), text, className);
	resize(list, problems.length, "li");
	problems.forEach((problem, i) => set(list.children[i], problem));
}

function show(told) {
	const count = told.problems.length;
	const up = (Date.parse(told.now) - Date.parse(told.service_started)) / 1000;
	let state = told.state;

	if (before !== null && before.told.started + before.told.pid !== told.started + told.pid)
		before = null;
	if (told.drain_seconds_left !== null)
		state += `, ${told.drain_seconds_left} s left`;
	if (count > 0)
		state += `, ${plural(count, "problem")}`;
	showState(state, told.problems, told.state === "not serving" ? "bad"
		: told.state === "draining" || count > 0 ? "warn" : "");
	set(byId("who"), `${told.version} on ${told.host}, up ${duration(up)}, configured ${moment(told.configured)}`);
	document.title = `${told.state}: echod on ${told.host}`;
	showTiles(told);
	fill("listeners", told.listeners.map((listener) => listenerRow(told, listener)));
	showReasons(told.totals);
	showWorkers(told);
	showProcess(told);
	before = { told, at: told.at };
}

function showSilence(why) {
	const last = before ? `: what is below was at ${moment(before.told.now)}` : "";

	showState("no answer", [`${why}${last}`], "bad");
	document.title = "no answer: echod";
}

let timer = null, isAsking = false;

async function ask() {
	let told = null, why = "echod does not answer";

	clearTimeout(timer);
	isAsking = true;
	try {
		const answer = await fetch("status.json", { signal: AbortSignal.timeout(PATIENCE) });
		if (answer.ok)
			told = { ...await answer.json(), at: performance.now() };
		else
			why = `echod answers ${answer.status}`;
	} catch {
		// it is told
	}
	isAsking = false;
	timer = setTimeout(ask, document.hidden ? WHILE_HIDDEN : EVERY);
	if (told !== null)
		show(told);
	else
		showSilence(why);
}

document.addEventListener("visibilitychange", () => {
	if (!document.hidden && !isAsking)
		ask();
});
ask();
