import { useState } from "react";
import { Link } from "react-router";

import { detailOf } from "../api/client";
import { useLocale, useT } from "../i18n";
import { Button, Empty, ErrorBanner, Loading, ModalDialog, Table } from "../ui/kit";
import { type Secret, useSecrets } from "./data";
import { DeleteSecret } from "./DeleteSecret";
import { StoreSecret } from "./StoreSecret";
import "./secrets.css";

/** What is under way: a new secret, another value for one, or the end of one. */
type Task = { kind: "new" } | { kind: "replace" | "delete"; secret: Secret };

/** The tenant's secrets: they go in here, and never come out. */
export default function SecretsScreen() {
  const t = useT();
  const secrets = useSecrets();
  const [task, setTask] = useState<Task | null>(null);
  const close = () => setTask(null);
  return (
    <div className="page">
      <title>{t("secrets.title")}</title>
      <header className="page-head">
        <h1>{t("secrets.title")}</h1>
        <Button kind="primary" onPress={() => setTask({ kind: "new" })}>
          {t("secrets.new")}
        </Button>
      </header>
      <p className="muted">{t("secrets.what")}</p>
      {secrets.error && secrets.data === undefined ? (
        <ErrorBanner action={<Button onPress={() => void secrets.refetch()}>{t("shell.again")}</Button>}>
          {detailOf(secrets.error)}
        </ErrorBanner>
      ) : secrets.data === undefined ? (
        <Loading />
      ) : secrets.data.length === 0 ? (
        <Empty title={t("secrets.empty")}>
          <p>{t("secrets.emptyHint")}</p>
        </Empty>
      ) : (
        <Table columns={[t("secrets.name"), t("secrets.usedBy"), t("secrets.stored"), null]}>
          {secrets.data.map((secret) => (
            <Row key={secret.name} secret={secret} onTask={(kind) => setTask({ kind, secret })} />
          ))}
        </Table>
      )}
      <ModalDialog
        title={task?.kind === "replace" ? t("secrets.replace.title", { name: task.secret.name }) : t("secrets.new")}
        isOpen={task?.kind === "new" || task?.kind === "replace"}
        onClose={close}
      >
        <StoreSecret
          replaced={task?.kind === "replace" ? task.secret.name : undefined}
          taken={secrets.data?.map(({ name }) => name) ?? []}
          onClose={close}
        />
      </ModalDialog>
      <ModalDialog title={t("secrets.delete.title")} isOpen={task?.kind === "delete"} onClose={close}>
        {task?.kind === "delete" ? <DeleteSecret secret={task.secret} onClose={close} /> : null}
      </ModalDialog>
    </div>
  );
}

function Row({ secret, onTask }: { secret: Secret; onTask: (kind: "replace" | "delete") => void }) {
  const t = useT();
  const { intl } = useLocale();
  const { name, usedBy, updatedAt, updatedByName } = secret;
  const at = intl.formatDate(updatedAt, { dateStyle: "medium", timeStyle: "short" });
  return (
    <tr>
      <th scope="row">
        <code className="secret-name">{name}</code>
      </th>
      <td>
        {usedBy.length === 0 ? <span className="muted">{t("secrets.unused")}</span> : null}
        <ul className="secret-uses">
          {usedBy.map((workflow) => (
            <li key={workflow.workflowId}>
              <Link to={`/workflows/${workflow.workflowId}`}>{workflow.name}</Link>
            </li>
          ))}
        </ul>
      </td>
      <td className="muted">
        <time dateTime={updatedAt}>{updatedByName ? t("secrets.storedBy", { at, name: updatedByName }) : at}</time>
      </td>
      <td className="table-tools">
        <Button kind="quiet" aria-label={t("secrets.replace.title", { name })} onPress={() => onTask("replace")}>
          {t("secrets.replace")}
        </Button>
        <Button kind="quiet" aria-label={t("secrets.deleteOf", { name })} onPress={() => onTask("delete")}>
          {t("secrets.delete")}
        </Button>
      </td>
    </tr>
  );
}
