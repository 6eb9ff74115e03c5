import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { detailOf, post, type Schemas } from "../api/client";
import { useT } from "../i18n";
import { Button, ErrorBanner, WorkflowLinks } from "../ui/kit";
import { tell } from "../ui/toasts";
import { type Detail, forgetConnection, pathOf } from "./data";

type Disconnected = Schemas["Disconnected"];

/** What ending a connection stops, before it is done. */
export function Disconnect({ detail, onClose }: { detail: Detail; onClose: () => void }) {
  const t = useT();
  const queries = useQueryClient();
  const path = `${pathOf(detail.provider)}/disconnect`;
  const preview = useQuery({
    queryKey: ["disconnect", detail.provider],
    queryFn: () => post<Disconnected>(`${path}?preview=true`),
    gcTime: 0,
  });
  const disconnect = useMutation({
    mutationFn: () => post<Disconnected>(path),
    onSuccess: async () => {
      tell(t("connections.disconnected", { name: detail.label }));
      onClose();
      await forgetConnection(queries);
    },
  });
  const problem = preview.error ?? disconnect.error;
  const workflows = preview.data?.workflows ?? [];
  return (
    <>
      {problem ? <ErrorBanner>{detailOf(problem)}</ErrorBanner> : null}
      <p>{t("connections.disconnect.what", { name: detail.label })}</p>
      {workflows.length > 0 ? (
        <section>
          <h3>{t("connections.disconnect.affected", { count: workflows.length })}</h3>
          <WorkflowLinks workflows={workflows} />
        </section>
      ) : preview.data ? (
        <p className="muted">{t("connections.workflows.none")}</p>
      ) : null}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="danger" isDisabled={!preview.data || disconnect.isPending} onPress={() => disconnect.mutate()}>
          {t("connections.disconnect")}
        </Button>
      </footer>
    </>
  );
}
