import { useMutation, useQueryClient } from "@tanstack/react-query";

import { detailOf, remove } from "../api/client";
import { useT } from "../i18n";
import { Button, ErrorBanner, WorkflowLinks } from "../ui/kit";
import { tell } from "../ui/toasts";
import { pathOf, type Secret } from "./data";

/** What the end of a secret breaks, before it is done. */
export function DeleteSecret({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const t = useT();
  const { name, usedBy } = secret;
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: () => remove(pathOf(name)),
    onSuccess: async () => {
      tell(t("secrets.isDeleted", { name }));
      onClose();
      await Promise.all(["secrets", "secretNames"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
    },
  });
  return (
    <>
      {end.error ? <ErrorBanner>{detailOf(end.error)}</ErrorBanner> : null}
      <p>{t("secrets.delete.what", { name })}</p>
      {usedBy.length > 0 ? (
        <section>
          <h3>{t("secrets.delete.affected", { count: usedBy.length })}</h3>
          <WorkflowLinks workflows={usedBy} />
        </section>
      ) : (
        <p className="muted">{t("secrets.unused")}</p>
      )}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="danger" isDisabled={end.isPending} onPress={() => end.mutate()}>
          {t("secrets.delete")}
        </Button>
      </footer>
    </>
  );
}
