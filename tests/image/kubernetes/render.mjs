// What "kubectl kustomize FOLDER" makes of a kustomization, as one YAML stream; of kustomize's
// language it knows what is used in container/kubernetes, and anything else is an error. The names
// of ConfigMaps get no hash of what is in them.
//
//   node render.mjs FOLDER

import { readFileSync } from "node:fs";
import path from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";

const known = new Set([
	"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "patches",
]);

function read(file) {
	return parseAllDocuments(readFileSync(file, "utf8")).map((document) => {
		if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0].message}`);
		return document.toJS();
	});
}

function refuse(where, others) {
	if (Object.keys(others).length > 0) throw new Error(`${where}: ${Object.keys(others)}`);
}

function configMap(folder, { name, files, ...others }) {
	refuse("configMapGenerator", others);
	const data = files.map((file) => [
		path.basename(file),
		readFileSync(path.join(folder, file), "utf8"),
	]);
	return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: Object.fromEntries(data) };
}

// RFC 6902: add, replace and remove of members whose names have no "/" and "~".
function patch(object, { op, path: pointer, value }) {
	const names = pointer.split("/").slice(1);
	const last = names.pop();
	const parent = names.reduce((at, name) => at?.[name], object);
	if (parent === undefined || (op !== "add" && !(last in parent)))
		throw new Error(`${op} ${pointer}: there is no such thing`);
	if (op === "remove") delete parent[last];
	else if (op === "add" || op === "replace") parent[last] = value;
	else throw new Error(`${op} is not known here`);
}

function applyPatch(objects, { target, patch: text, ...others }) {
	refuse("patches", others);
	const found = objects.filter(
		(each) => each.kind === target.kind && each.metadata.name === target.name,
	);
	if (found.length !== 1) throw new Error(`${found.length} objects to be patched`);
	for (const step of parse(text)) patch(found[0], step);
}

export function render(folder) {
	const file = path.join(folder, "kustomization.yaml");
	const [kustomization] = read(file);
	for (const name of Object.keys(kustomization))
		if (!known.has(name)) throw new Error(`${file}: ${name} is not known here`);
	const objects = kustomization.resources.flatMap((name) => {
		const resource = path.join(folder, name);
		return name.endsWith(".yaml") ? read(resource) : render(resource);
	});
	objects.push(...(kustomization.configMapGenerator ?? []).map((each) => configMap(folder, each)));
	for (const each of kustomization.patches ?? []) applyPatch(objects, each);
	for (const each of objects)
		if (kustomization.namespace && each.kind !== "Namespace")
			each.metadata.namespace = kustomization.namespace;
	return objects;
}

const texts = render(process.argv[2]).map((each) => stringify(each, { lineWidth: 0 }));
process.stdout.write(texts.join("---\n"));
