import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { Radio, RadioGroup } from "react-aria-components";

import { detailOf, post } from "../api/client";
import type { Json, JsonObject } from "../editor/model/json";
import { useT } from "../i18n";
import { Button, ErrorBanner } from "../ui/kit";
import { tell } from "../ui/toasts";
import { forgetTask, pathOf, type Task } from "./data";

/** The type of task that asks for a yes or a no. */
const APPROVAL = "approval";

/** The answer to a task: its workflow reads it as `event`, and goes on. */
export function CompleteForm({ task }: { task: Task }) {
  const t = useT();
  const id = useId();
  const queries = useQueryClient();
  const decides = task.taskType === APPROVAL;
  const [approved, setApproved] = useState<boolean | null>(null);
  const [comment, setComment] = useState("");
  const [further, setFurther] = useState("");
  const values = objectIn(further);
  const complete = useMutation({
    mutationFn: (response: JsonObject) => post<Task>(`${pathOf(task.taskId)}/complete`, { response }),
    onSuccess: () => tell(t("tasks.isCompleted")),
    onSettled: () => forgetTask(queries, task),
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    complete.mutate({
      ...values,
      ...(decides ? { approved } : {}),
      ...(comment.trim() === "" ? {} : { comment: comment.trim() }),
    });
  };
  return (
    <form className="task-form" onSubmit={send} aria-label={t("tasks.answer")}>
      <h2 className="section-title">{t("tasks.answer")}</h2>
      {complete.error ? <ErrorBanner>{detailOf(complete.error)}</ErrorBanner> : null}
      {decides ? (
        <RadioGroup
          className="choices task-decision"
          aria-label={t("tasks.decision")}
          value={approved === null ? null : String(approved)}
          onChange={(value) => setApproved(value === "true")}
        >
          {[true, false].map((each) => (
            <Radio key={String(each)} value={String(each)} className="choice">
              <span className="choice-mark" aria-hidden />
              <strong>{t(each ? "tasks.approve" : "tasks.reject")}</strong>
            </Radio>
          ))}
        </RadioGroup>
      ) : null}
      <div className="field">
        <label htmlFor={`${id}-comment`}>{t("tasks.comment")}</label>
        <textarea
          id={`${id}-comment`}
          className="input prose"
          rows={3}
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
      </div>
      <details className="task-further">
        <summary>{t("tasks.further")}</summary>
        <div className="field">
          <label htmlFor={`${id}-further`} className="visually-hidden">
            {t("tasks.further")}
          </label>
          <textarea
            id={`${id}-further`}
            className="input"
            rows={4}
            spellCheck={false}
            value={further}
            aria-describedby={`${id}-further-help`}
            aria-invalid={values === null}
            onChange={(event) => setFurther(event.target.value)}
          />
          <p id={`${id}-further-help`} className={values === null ? "field-error" : "field-help"}>
            {values === null ? t("tasks.further.wrong", { example: '{"days": 3}' }) : t("tasks.further.help")}
          </p>
        </div>
      </details>
      <div>
        <Button
          kind="primary"
          type="submit"
          isDisabled={values === null || (decides && approved === null) || complete.isPending}
        >
          {t("tasks.complete")}
        </Button>
      </div>
    </form>
  );
}

/** The JSON object that a text is; null: it is none. */
function objectIn(text: string): JsonObject | null {
  if (text.trim() === "") {
    return {};
  }
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
