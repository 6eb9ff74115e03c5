import { CircleAlert, TriangleAlert, WandSparkles } from "lucide-react";
import { type ReactNode, useId } from "react";
import { Button } from "react-aria-components";

import { useT } from "../i18n";
import { useDocument } from "./current";
import { useShared } from "./context";
import { useSubject } from "./field";
import { type Finding, fixOf } from "./model/findings";
import { isObject, type Json, placeText, type Place } from "./model/json";

/** A field with its label, its words and what the server says about it. */
export function FieldFrame({
  place,
  label,
  description,
  isRequired = false,
  tools,
  findings,
  children,
  className = "",
}: {
  place: Place;
  label: string;
  description?: string;
  isRequired?: boolean;
  tools?: ReactNode;
  findings?: readonly Finding[];
  children: (ids: { labelId: string; describedBy: string | undefined; isInvalid: boolean }) => ReactNode;
  className?: string;
}) {
  const t = useT();
  const id = useId();
  const subject = useSubject();
  const text = placeText(place);
  const own = findings ?? subject.findings.filter((finding) => finding.field === text);
  const describedBy = [description ? `${id}-d` : "", own.length > 0 ? `${id}-f` : ""].filter(Boolean).join(" ");
  return (
    <div className={`ed-field ${className}`} data-field={text}>
      <div className="ed-field-head">
        <span id={`${id}-l`} className="ed-field-label">
          {label}
          {isRequired ? (
            <span className="ed-required" title={t("editor.field.required")}>
              {" *"}
            </span>
          ) : null}
        </span>
        {tools}
      </div>
      {children({
        labelId: `${id}-l`,
        describedBy: describedBy || undefined,
        isInvalid: own.some((finding) => finding.severity === "error"),
      })}
      {description ? (
        <p id={`${id}-d`} className="ed-field-description">
          {description}
        </p>
      ) : null}
      {own.length > 0 ? (
        <div id={`${id}-f`}>
          {own.map((finding, index) => (
            <FindingLine key={`${finding.code} ${index}`} finding={finding} isOfField />
          ))}
        </div>
      ) : null}
    </div>
  );
}

/** What the server says, with its suggestion as a button. */
export function FindingLine({ finding, isOfField = false }: { finding: Finding; isOfField?: boolean }) {
  const t = useT();
  const { canEdit, announce } = useShared();
  const document = useDocument();
  const apply = useFix();
  const fix = canEdit ? fixOf(document, finding) : undefined;
  return (
    <p className={`ed-finding ed-finding-${finding.severity}`}>
      {finding.severity === "error" ? <CircleAlert size={14} aria-hidden /> : <TriangleAlert size={14} aria-hidden />}
      <span>
        <span className="visually-hidden">{t(`editor.findings.${finding.severity}`)}: </span>
        {finding.code === "MISSING_REQUIRED_MAPPING" && isOfField ? t("editor.findings.required") : finding.message}
        {fix ? (
          <Button
            className="ed-fix"
            onPress={() => {
              apply(finding, fix.own);
              announce(t("editor.said.fixed"));
            }}
          >
            <WandSparkles size={12} aria-hidden /> {t("editor.findings.fix", { text: fix.text })}
          </Button>
        ) : finding.suggestion ? (
          <em className="ed-suggestion">{finding.suggestion}</em>
        ) : null}
      </span>
    </p>
  );
}

/** Takes a suggestion. */
export function useFix(): (finding: Finding, own: Json) => void {
  const { dispatch } = useShared();
  return (finding, own) => {
    if (finding.key !== null) {
      dispatch({ type: "replace", key: finding.key, own });
    } else if (isObject(own)) {
      dispatch({ type: "head", head: own });
    }
  };
}
