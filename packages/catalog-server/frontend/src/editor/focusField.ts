/** Moves the focus to the field that a path names, or to the nearest one around it. */
export function focusField(inspector: HTMLElement, field: string | undefined): void {
  const fields = [...inspector.querySelectorAll<HTMLElement>("[data-field]")];
  const wanted = field ?? "";
  const [best] = fields
    .filter(({ dataset }) => {
      const own = dataset.field ?? "";
      return own !== "" && (wanted === own || wanted.startsWith(`${own}.`) || wanted.startsWith(`${own}[`));
    })
    .sort((one, other) => (other.dataset.field?.length ?? 0) - (one.dataset.field?.length ?? 0));
  const found = best ?? (wanted === "" ? undefined : fields.find(({ dataset }) => dataset.field === "")) ?? inspector;
  for (let around: HTMLElement | null = found; around && around !== inspector; around = around.parentElement) {
    if (around instanceof HTMLDetailsElement) {
      around.open = true;
    }
  }
  const editable = found.querySelector<HTMLElement>(
    ":is(input, textarea, .cm-content, .ed-select-button, .ed-reference-button):not(:disabled)",
  );
  const focusable =
    editable ?? found.querySelector<HTMLElement>(":is(button, a, summary, [tabindex='0']):not(:disabled)");
  focusable?.focus({ preventScroll: true });
  (best ?? focusable ?? found).scrollIntoView({ block: "center", behavior: "auto" });
}
