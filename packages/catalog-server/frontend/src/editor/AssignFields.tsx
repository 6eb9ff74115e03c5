import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button } from "react-aria-components";

import { useT } from "../i18n";
import { IconButton } from "../ui/kit";
import { useShared } from "./context";
import { useSubject } from "./field";
import { anyField } from "./FixedInput";
import { getAt, isObject, type JsonObject, type Place, placeText } from "./model/json";
import type { Scope } from "./model/scope";
import { assignedNames, assignText } from "./model/variables";
import { CommittedText } from "./plain";
import { ValueField } from "./ValueField";

/** Variables and the values that they get, one after the other. */
export function AssignFields({
  place,
  label,
  scope,
  hint,
}: {
  place: Place;
  label: string;
  scope?: Scope;
  hint?: string;
}) {
  const t = useT();
  const { dispatch, canEdit } = useShared();
  const { key, own, set } = useSubject();
  const [name, setName] = useState("");
  const paths = getAt(own, place);
  const fields: JsonObject = isObject(paths) ? paths : {};
  const add = () => {
    const names = assignedNames(name.trim());
    const path = names
      ? names[0] === "vars" && names.length === 2
        ? `vars.${names[1]}`
        : assignText(names)
      : name.trim();
    if (path !== "" && !Object.hasOwn(fields, path)) {
      set(place, { ...fields, [path]: { $expr: "" } });
      setName("");
    }
  };
  return (
    <section className="ed-section" data-field={placeText(place)}>
      <h3>{label}</h3>
      {hint ? <p className="ed-muted">{hint}</p> : null}
      {Object.keys(fields).map((path) => (
        <div key={path} className="ed-assign">
          <div className="ed-list-item">
            <CommittedText
              place={[...place, path, "(name)"]}
              label={t("editor.assign.path")}
              value={path}
              onCommit={(to) => key !== null && dispatch({ type: "renameAssigned", key, place, from: path, to })}
            />
            <IconButton
              label={t("editor.map.remove", { name: path })}
              isDisabled={!canEdit}
              onPress={() => {
                const { [path]: _, ...left } = fields;
                set(place, left);
              }}
            >
              <Trash2 size={14} aria-hidden />
            </IconButton>
          </div>
          <ValueField
            place={[...place, path]}
            field={anyField(path, { label: t("editor.assign.value", { path }) })}
            scope={scope}
          />
        </div>
      ))}
      <div className="ed-map-add">
        <input
          className="ed-input ed-mono"
          value={name}
          placeholder={t("editor.assign.new")}
          aria-label={t("editor.assign.new")}
          disabled={!canEdit}
          spellCheck={false}
          onChange={(event) => setName(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              add();
            }
          }}
        />
        <Button className="ed-add-item" isDisabled={!canEdit || name.trim() === ""} onPress={add}>
          <Plus size={14} aria-hidden /> {t("editor.list.add")}
        </Button>
      </div>
    </section>
  );
}
